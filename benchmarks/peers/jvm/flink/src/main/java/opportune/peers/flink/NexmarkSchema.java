package opportune.peers.flink;

import opportune.peers.FirstRead;
import opportune.peers.NexmarkEvent;
import opportune.peers.NexmarkParser;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** One object for all messages: it is parsed in the task's thread and read by chained operators only. */
final class NexmarkSchema implements KafkaRecordDeserializationSchema<NexmarkEvent> {
  private transient NexmarkParser parser;
  private transient NexmarkEvent event;

  @Override
  public void open(DeserializationSchema.InitializationContext context) {
    parser = new NexmarkParser();
    event = new NexmarkEvent();
  }

  @Override
  public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<NexmarkEvent> out) {
    FirstRead.mark();
    out.collect(parser.parse(record.value(), event));
  }

  @Override
  public TypeInformation<NexmarkEvent> getProducedType() {
    return TypeInformation.of(NexmarkEvent.class);
  }
}
