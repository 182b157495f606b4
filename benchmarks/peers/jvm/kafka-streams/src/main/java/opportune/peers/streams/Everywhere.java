package opportune.peers.streams;

import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.streams.processor.StreamPartitioner;

/** Sends one key, the sentinel's, to every partition; all others where Kafka would. */
record Everywhere<K, V>(K flush) implements StreamPartitioner<K, V> {
  @Override
  public Optional<Set<Integer>> partitions(String topic, K key, V value, int numPartitions) {
    if (!flush.equals(key)) return Optional.empty();
    return Optional.of(IntStream.range(0, numPartitions).boxed().collect(Collectors.toSet()));
  }
}
