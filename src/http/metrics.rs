//! A run's figures in the text format of Prometheus (OpenMetrics 1.0).

use crate::engine::{Board, LATENCY_BOUNDS_S, PartitionBoard, Watch};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// All figures as they are now.
pub(super) fn text(watch: Arc<Watch>) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("gridweaver");
    registry.register_collector(Box::new(Figures(watch)));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Figures(Arc<Watch>);

/// A name and what it stands for.
type Labels = Vec<(&'static str, String)>;

impl Collector for Figures {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let board = self.0.board();
        let mut page = Page(encoder);
        partitions(&mut page, &board)?;
        run(&mut page, &board)?;
        let tick_end_s = self.0.tick_end_ms.load(Ordering::Relaxed) as f64 / 1_000.0;
        page.gauge(
            "tick_end_seconds",
            "End of the newest durable tick, since the epoch",
            tick_end_s,
        )
    }
}

fn partitions(page: &mut Page<'_>, board: &Board) -> Result<(), fmt::Error> {
    let of = |name: &str| vec![("partition", name.to_owned())];
    let each = |figure: fn(&PartitionBoard) -> Option<f64>| {
        let figures = board.partitions.iter();
        figures
            .filter_map(|(name, partition)| Some((of(name), figure(partition)?)))
            .collect::<Vec<_>>()
    };
    let records = board.partitions.iter().flat_map(|(name, partition)| {
        let with =
            |outcome: &str| vec![("partition", name.clone()), ("outcome", outcome.to_owned())];
        let reading = &partition.reading;
        let refused = reading.refused.iter();
        let refused = refused.map(|(reason, count)| (with(reason.name()), *count));
        let refused: Vec<(Labels, u64)> = refused.collect();
        let dead: u64 = refused.iter().map(|(_, count)| count).sum();
        let admitted = reading.read - reading.control - dead;
        [(with("admitted"), admitted), (with("control"), reading.control)]
            .into_iter()
            .chain(refused)
    });
    page.counters(
        "partition_records",
        "Records read: admitted, control, or the reason of a dead letter",
        &records.collect::<Vec<_>>(),
    )?;
    let late = board.partitions.iter();
    let late = late.map(|(name, partition)| (of(name), partition.reading.late));
    page.counters(
        "partition_late_records",
        "Late records that were refused",
        &late.collect::<Vec<_>>(),
    )?;
    page.gauges(
        "partition_watermark_seconds",
        "The partition's watermark, since the epoch",
        &each(|partition| Some(partition.watermark?.0 as f64 / 1_000.0)),
    )?;
    page.gauges(
        "partition_position",
        "Where the partition's next record will lie",
        &each(|partition| Some(partition.position as f64)),
    )?;
    page.gauges(
        "partition_lag",
        "Positions between the next record to be read and the partition's end",
        &each(|partition| Some(partition.head?.saturating_sub(partition.position) as f64)),
    )?;
    page.gauges(
        "partition_passed_over",
        "1 while nobody waits for the partition, as it is silent",
        &each(|partition| Some(f64::from(u8::from(partition.is_passed_over)))),
    )
}

fn run(page: &mut Page<'_>, board: &Board) -> Result<(), fmt::Error> {
    let outcomes = &board.outcomes;
    let outcome = |name: &str, count| (vec![("outcome", name.to_owned())], count);
    page.counters(
        "closed_records",
        "What became of the records of closed ticks, earlier runs included",
        &[
            outcome("applied", outcomes.applied),
            outcome("bad_quality", outcomes.bad_quality),
            outcome("duplicate", outcomes.duplicates),
            outcome("late", outcomes.late),
            outcome("refused", board.refused),
        ],
    )?;
    page.counter("ticks", "Ticks made durable in this run", board.ticks)?;
    page.gauge(
        "in_flight_records",
        "Records read and not yet durably written",
        board.in_flight_records as f64,
    )?;
    page.gauge("in_flight_bytes", "Their bytes", board.in_flight_bytes as f64)?;
    page.gauge(
        "sink_queue",
        "Ticks and dead letters that wait for the outputs",
        board.queued as f64,
    )?;
    if let Some(checkpoint) = board.checkpoint {
        let age_s = checkpoint.written_at.elapsed().as_secs_f64();
        page.gauge("checkpoint_age_seconds", "Since the newest checkpoint was written", age_s)?;
        page.gauge("checkpoint_bytes", "Its size", checkpoint.bytes as f64)?;
    }
    let stalled = f64::from(u8::from(board.stalled.is_some()));
    page.gauge("stalled", "1 while event time stands still and records wait", stalled)?;
    page.latency(board)
}

/// What is written so far.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: f64) -> Result<(), fmt::Error> {
        let encoder = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        ConstGauge::new(value).encode(encoder)
    }

    fn gauges(
        &mut self,
        name: &str,
        help: &str,
        values: &[(Labels, f64)],
    ) -> Result<(), fmt::Error> {
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in values {
            ConstGauge::new(*value).encode(encoder.encode_family(labels)?)?;
        }
        Ok(())
    }

    fn counters(
        &mut self,
        name: &str,
        help: &str,
        values: &[(Labels, u64)],
    ) -> Result<(), fmt::Error> {
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in values {
            ConstCounter::new(*value).encode(encoder.encode_family(labels)?)?;
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> Result<(), fmt::Error> {
        let encoder = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        ConstCounter::new(value).encode(encoder)
    }

    fn latency(&mut self, board: &Board) -> Result<(), fmt::Error> {
        let (name, help) = ("tick_latency_seconds", "From a tick's closing to its being durable");
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        let latency = &board.latency;
        let within: u64 = latency.within.iter().sum();
        let buckets = LATENCY_BOUNDS_S.iter().copied().zip(latency.within);
        let buckets: Vec<(f64, u64)> =
            buckets.chain([(f64::MAX, latency.count - within)]).collect();
        encoder.encode_histogram::<NoLabelSet>(latency.sum_s, latency.count, &buckets, None)
    }
}
