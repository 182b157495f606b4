package opportune.peers.flink;

import java.util.Map;
import opportune.peers.AdEvent;
import opportune.peers.Campaigns;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichFlatMapFunction;
import org.apache.flink.util.Collector;

/** The campaign of an ad that was viewed. */
final class ViewedCampaign extends RichFlatMapFunction<AdEvent, String> {
  private transient Map<String, String> campaigns;

  @Override
  public void open(OpenContext context) {
    campaigns = Campaigns.byAd();
  }

  @Override
  public void flatMap(AdEvent event, Collector<String> out) {
    if (event.view) out.collect(campaigns.get(event.adId));
  }
}
