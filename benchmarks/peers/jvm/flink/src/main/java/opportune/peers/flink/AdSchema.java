package opportune.peers.flink;

import opportune.peers.AdEvent;
import opportune.peers.AdParser;
import opportune.peers.FirstRead;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** As {@link NexmarkSchema}. */
final class AdSchema implements KafkaRecordDeserializationSchema<AdEvent> {
  private transient AdParser parser;
  private transient AdEvent event;

  @Override
  public void open(DeserializationSchema.InitializationContext context) {
    parser = new AdParser();
    event = new AdEvent();
  }

  @Override
  public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<AdEvent> out) {
    FirstRead.mark();
    out.collect(parser.parse(record.value(), event));
  }

  @Override
  public TypeInformation<AdEvent> getProducedType() {
    return TypeInformation.of(AdEvent.class);
  }
}
