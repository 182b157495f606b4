package opportune.peers.tools;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * What the benchmark does at the broker outside the measured engine.
 *
 * <pre>
 *   create BROKERS TOPIC PARTITIONS
 *   load BROKERS TOPIC            frames on standard input: int32 partition, int32 length, bytes
 *   watch BROKERS TOPIC FILE ROWS QUIET_MS TIMEOUT_MS      see {@link Watch}
 *   clear BROKERS RUN             deletes topics and groups whose name holds the run's
 * </pre>
 *
 * A failure ends the process with code 1 and its cause on standard error.
 */
public final class Tool {
  private Tool() {}

  public static void main(String[] args) throws Exception {
    String brokers = args[1];
    switch (args[0]) {
      case "create" -> create(brokers, args[2], Integer.parseInt(args[3]));
      case "load" -> load(brokers, args[2]);
      case "watch" -> Watch.run(brokers, args);
      case "clear" -> clear(brokers, args[2]);
      default -> throw new IllegalArgumentException("no tool " + args[0]);
    }
  }

  static Properties client(String brokers) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", brokers);
    return properties;
  }

  private static void create(String brokers, String topic, int partitions) throws Exception {
    Map<String, String> keepAll = Map.of("retention.ms", "-1", "retention.bytes", "-1");
    try (Admin admin = Admin.create(client(brokers))) {
      admin
          .createTopics(
              List.of(new NewTopic(topic, Optional.of(partitions), Optional.empty()).configs(keepAll)))
          .all()
          .get();
    }
  }

  private static void load(String brokers, String topic) throws IOException {
    Properties properties = client(brokers);
    properties.put(ProducerConfig.ACKS_CONFIG, "all");
    properties.put(ProducerConfig.LINGER_MS_CONFIG, "20");
    properties.put(ProducerConfig.BATCH_SIZE_CONFIG, String.valueOf(64 << 10));
    AtomicReference<Exception> failure = new AtomicReference<>();
    DataInputStream in = new DataInputStream(new BufferedInputStream(System.in, 1 << 20));
    try (var producer =
        new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer())) {
      while (failure.get() == null) {
        int partition;
        try {
          partition = in.readInt();
        } catch (EOFException end) {
          break;
        }
        byte[] value = in.readNBytes(in.readInt());
        producer.send(
            new ProducerRecord<>(topic, partition, null, value),
            (written, error) -> {
              if (error != null) failure.compareAndSet(null, error);
            });
      }
      producer.flush();
    }
    if (failure.get() != null) throw new IOException(failure.get());
  }

  private static void clear(String brokers, String run) throws Exception {
    try (Admin admin = Admin.create(client(brokers))) {
      admin.deleteTopics(named(run, admin.listTopics().names().get())).all().get();
      List<String> groups =
          admin.listGroups().all().get().stream().map(group -> group.groupId()).toList();
      // A group whose member was killed a moment ago is not empty yet, which does no harm: names of
      // runs are never used twice.
      for (var outcome : admin.deleteConsumerGroups(named(run, groups)).deletedGroups().values())
        outcome.whenComplete((done, error) -> {});
    }
  }

  private static List<String> named(String run, Collection<String> names) {
    return names.stream().filter(name -> name.contains(run)).toList();
  }
}
