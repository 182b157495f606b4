package opportune.peers.tools;

import java.io.BufferedOutputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads the committed output of a run as it appears and writes its rows to a file, a line each.
 *
 * It ends when at least the rows that must come have come and nothing more has for a while, which
 * also shows duplicates; prints {@code END <ms since 1970 of the last row's arrival> <rows>}. After
 * the time limit it prints {@code TIMEOUT <rows>}.
 */
final class Watch {
  private Watch() {}

  static void run(String brokers, String[] args) throws Exception {
    TopicPartition output = new TopicPartition(args[2], 0);
    long expected = Long.parseLong(args[4]);
    long quietMs = Long.parseLong(args[5]);
    long deadline = System.currentTimeMillis() + Long.parseLong(args[6]);
    Properties properties = Tool.client(brokers);
    properties.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
    properties.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, "false");
    properties.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, "10000");
    try (OutputStream file = new BufferedOutputStream(Files.newOutputStream(Path.of(args[3])), 1 << 20);
        var consumer =
            new KafkaConsumer<>(
                properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.assign(List.of(output));
      consumer.seekToBeginning(List.of(output));
      System.out.println("WATCHING");
      long rows = 0;
      long last = System.currentTimeMillis();
      while (true) {
        ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(100));
        long now = System.currentTimeMillis();
        for (ConsumerRecord<byte[], byte[]> record : records) {
          file.write(record.value());
          file.write('\n');
        }
        rows += records.count();
        if (!records.isEmpty()) last = now;
        else if (rows >= expected && now - last >= quietMs) break;
        if (now >= deadline) {
          System.out.println("TIMEOUT " + rows);
          return;
        }
      }
      System.out.println("END " + last + " " + rows);
    }
  }
}
