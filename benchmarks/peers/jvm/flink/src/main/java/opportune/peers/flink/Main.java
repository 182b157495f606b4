package opportune.peers.flink;

import java.nio.file.Path;
import java.time.Duration;
import opportune.peers.Settings;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.CoreOptions;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Runs one query in a local mini cluster until it is killed. VARIANT is {@code hashmap} or {@code rocksdb}. */
public final class Main {
  private Main() {}

  public static void main(String[] args) throws Exception {
    Settings settings = Settings.fromEnvironment();
    StreamExecutionEnvironment environment =
        StreamExecutionEnvironment.createLocalEnvironment(1, configuration(settings));
    Queries queries = new Queries(environment, settings);
    DataStream<byte[]> rows =
        switch (settings.query()) {
          case "ysb" -> queries.ysb();
          case "q5" -> queries.q5();
          case "q7" -> queries.q7();
          case "q8" -> queries.q8();
          case "q11" -> queries.q11();
          case "q18" -> queries.q18();
          default -> throw new IllegalArgumentException("no query " + settings.query());
        };
    rows.sinkTo(sink(settings)).name("results");
    environment.execute(settings.run());
  }

  private static Configuration configuration(Settings settings) {
    Configuration c = new Configuration();
    c.set(StateBackendOptions.STATE_BACKEND, settings.variant());
    c.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofMillis(settings.commitMs()));
    c.set(CheckpointingOptions.CHECKPOINTING_CONSISTENCY_MODE, CheckpointingMode.EXACTLY_ONCE);
    c.set(CheckpointingOptions.INCREMENTAL_CHECKPOINTS, true);
    Path checkpoints = Path.of(settings.stateDirectory(), "checkpoints").toAbsolutePath();
    c.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
    c.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, checkpoints.toUri().toString());
    // Chained operators hand on the object itself; nothing here keeps an input object.
    c.set(PipelineOptions.OBJECT_REUSE, true);
    // Fails where a type would be left to Kryo.
    c.set(PipelineOptions.GENERIC_TYPES, false);
    // RocksDB's block cache and write buffers; the mini cluster's own default is 128 MiB.
    c.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ofMebiBytes(256));
    // A run that fails has no figure: let it end and say why.
    c.set(RestartStrategyOptions.RESTART_STRATEGY, "none");
    c.set(CoreOptions.TMP_DIRS, settings.stateDirectory());
    c.set(RestOptions.BIND_PORT, "0");
    return c;
  }

  private static KafkaSink<byte[]> sink(Settings settings) {
    return KafkaSink.<byte[]>builder()
        .setBootstrapServers(settings.brokers())
        .setRecordSerializer(
            KafkaRecordSerializationSchema.<byte[]>builder()
                .setTopic(settings.output())
                .setValueSerializationSchema(new RowSchema())
                .build())
        .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
        .setTransactionalIdPrefix(settings.run())
        // The default of one hour is above what a broker allows by default.
        .setProperty("transaction.timeout.ms", "600000")
        .build();
  }
}
