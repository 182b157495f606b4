package opportune.peers.streams;

import java.util.Properties;
import opportune.peers.Settings;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/** Runs one query until it is killed. VARIANT is {@code dsl} or {@code processor-api}. */
public final class Main {
  private Main() {}

  public static void main(String[] args) {
    Settings settings = Settings.fromEnvironment();
    Topology topology =
        switch (settings.variant()) {
          case "dsl" -> DslQueries.build(settings);
          case "processor-api" -> ProcessorQueries.build(settings);
          default -> throw new IllegalArgumentException("no variant " + settings.variant());
        };
    KafkaStreams streams = new KafkaStreams(topology, properties(settings));
    streams.setUncaughtExceptionHandler(
        error -> {
          error.printStackTrace();
          Runtime.getRuntime().halt(1);
          return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
    streams.start();
  }

  private static Properties properties(Settings settings) {
    Properties p = new Properties();
    p.put(StreamsConfig.APPLICATION_ID_CONFIG, settings.run());
    p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, settings.brokers());
    p.put(StreamsConfig.STATE_DIR_CONFIG, settings.stateDirectory());
    p.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    p.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, settings.commitMs());
    p.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
    p.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    p.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, StreamsConfig.OPTIMIZE);
    p.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    // Tasks take turns by what a fetch brought, and there is no watermark over partitions: the size
    // of a fetch is how far they drift apart in event time. 256 KiB of Nexmark are 0.6 s.
    p.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 256 << 10);
    return p;
  }
}
