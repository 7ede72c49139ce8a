//! Configuration: one TOML file, every key with a default, unknown keys refused with a suggestion.
//!
//! Values may hold `${VARIABLE}`, taken from the environment; `--set a.b=c` overrides a key.
//! Relative paths are relative to the file. Durations are text with a unit (`"4s"`), sizes likewise
//! (`"128MiB"`). What is read here is checked here: an engine that starts has sound settings.

mod blame;
mod connectors;
mod quantity;

pub use blame::line_of;
pub use connectors::{NatsAccess, NatsTls, SinkSettings, SourceSettings, Start};

use gridweaver_model::rules::{Dispatch, Late, Rules, Stale};
use gridweaver_model::{Millis, Ppm, Price, Watts};
use quantity::{Decimal, Size};
pub use quantity::{Duration, OrOff, Scalar};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// All settings.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Ticks, state and budgets.
    pub engine: Engine,
    /// How orders are decided.
    pub dispatch: DispatchSettings,
    /// Where records come from.
    pub source: Vec<SourceSettings>,
    /// Where decisions go.
    pub sink: Vec<SinkSettings>,
    /// Where refused records go.
    pub dead_letters: DeadLetters,
    /// Where latencies go.
    pub latency: Latency,
    /// What is shown over HTTP.
    pub http: Http,
    /// The folder that relative paths are relative to.
    #[serde(skip)]
    pub base: PathBuf,
}

/// `[engine]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Engine {
    /// Length of a tick.
    pub tick: Duration,
    /// How far a watermark stays behind the greatest event time.
    pub lateness: Duration,
    /// What becomes of late records.
    pub late: LateSetting,
    /// How long a live partition may be silent until it is passed over.
    pub idle_timeout: OrOff,
    /// How far past the wall clock the time of a live record may lie.
    pub max_ahead: Duration,
    /// How long event time may stand still while records wait until that is told.
    pub stalled_after: Duration,
    /// Ticks that a partition may run ahead of the least.
    pub max_skew: u64,
    /// How long an identity is remembered.
    pub dedup_window: Duration,
    /// How old a reading may be.
    pub stale_after: Duration,
    /// What a stale node counts for.
    pub stale: StaleSetting,
    /// How long what has ended is remembered.
    pub retention: Duration,
    /// Timely workers.
    pub workers: usize,
    /// Records in flight.
    pub in_flight_records: u64,
    /// Bytes in flight.
    pub in_flight_bytes: Size,
    /// Longer records are refused.
    pub max_record_bytes: Size,
    /// Where checkpoints are kept.
    pub state_dir: String,
    /// How long after one checkpoint the next is begun.
    pub checkpoint_every: Duration,
    /// How many checkpoints are kept.
    pub checkpoints_kept: usize,
}

/// `late`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateSetting {
    /// They take effect in the tick that they are admitted to.
    NextTick,
    /// They go to the dead letters.
    DeadLetter,
}

/// `stale`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StaleSetting {
    /// They keep their values.
    Hold,
    /// They count 0.
    Exclude,
}

/// `[dispatch]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DispatchSettings {
    /// Loss of a line that gives none, a fraction per km.
    pub loss_per_km: Decimal<12>,
    /// Energy price of a region that has none.
    pub energy_price: Decimal<3>,
    /// What a MWh not served costs.
    pub lost_load_price: Decimal<3>,
    /// How far ahead of need orders are given.
    pub lead_time: Duration,
    /// How far a need may move without a new plan.
    pub deadband_mw: Decimal<6>,
    /// How long a need must be over before its orders are released.
    pub release_hold: Duration,
    /// How often a standing plan is compared with a new one.
    pub replan_every: Duration,
    /// How much cheaper it must be.
    pub replan_gain: Decimal<6>,
    /// How long an order may go unacknowledged.
    pub response_timeout: OrOff,
    /// Reliability where there is neither a record nor a claim.
    pub reliability: Decimal<6>,
    /// How long performance counts.
    pub reliability_window: Duration,
    /// Weight of unreliability in the score.
    pub reliability_weight: Decimal<6>,
    /// Weight of flexibility in the score.
    pub flexibility_weight: Decimal<6>,
    /// The window that counts as wholly flexible.
    pub flexibility_horizon: Duration,
}

/// `[dead_letters]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeadLetters {
    /// A file.
    pub path: Option<String>,
}

/// `[latency]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Latency {
    /// An HdrHistogram log.
    pub log: Option<String>,
}

/// `[http]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Where it is answered, `host:port`; absent: nowhere.
    pub listen: Option<String>,
}

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file can't be read.
    #[error("the configuration `{path}` can't be read: {error}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is not TOML, or a key or value is wrong.
    #[error("{path}: {message}")]
    Wrong {
        /// Which.
        path: PathBuf,
        /// What, where, and what to do.
        message: String,
    },
}

impl Default for Engine {
    fn default() -> Self {
        let rules = Rules::default();
        Self {
            tick: Duration(rules.tick),
            lateness: Duration(rules.lateness),
            late: LateSetting::NextTick,
            idle_timeout: OrOff(Some(Millis(10_000))),
            max_ahead: Duration(Millis(300_000)),
            stalled_after: Duration(Millis(30_000)),
            max_skew: 3,
            dedup_window: Duration(rules.dedup_window),
            stale_after: Duration(rules.stale_after),
            stale: StaleSetting::Hold,
            retention: Duration(rules.retention),
            workers: 1,
            in_flight_records: 262_144,
            in_flight_bytes: Size(128 << 20),
            max_record_bytes: Size(1 << 20),
            state_dir: "gridweaver-state".into(),
            checkpoint_every: Duration(Millis(30_000)),
            checkpoints_kept: 3,
        }
    }
}

impl Default for DispatchSettings {
    fn default() -> Self {
        let dispatch = Dispatch::default();
        Self {
            loss_per_km: Decimal(i64::try_from(dispatch.loss_per_km).unwrap_or_default()),
            energy_price: Decimal(dispatch.energy_price.0),
            lost_load_price: Decimal(dispatch.lost_load_price.0),
            lead_time: Duration(dispatch.lead_time),
            deadband_mw: Decimal(dispatch.deadband.0),
            release_hold: Duration(dispatch.release_hold),
            replan_every: Duration(dispatch.replan_every),
            replan_gain: Decimal(dispatch.replan_gain.0.into()),
            response_timeout: OrOff(None),
            reliability: Decimal(dispatch.reliability.0.into()),
            reliability_window: Duration(dispatch.reliability_window),
            reliability_weight: Decimal(dispatch.reliability_weight.into()),
            flexibility_weight: Decimal(dispatch.flexibility_weight.into()),
            flexibility_horizon: Duration(dispatch.flexibility_horizon),
        }
    }
}

impl Settings {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// Where it can't be read, or a key or value is wrong.
    pub fn read(path: &Path, overrides: &[String]) -> Result<Self, SettingsError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| SettingsError::Unreadable { path: path.to_owned(), error })?;
        let base = path.parent().map_or_else(PathBuf::new, Path::to_owned);
        Self::parse(&text, path, base, overrides)
    }

    /// The defaults, with overrides.
    ///
    /// # Errors
    /// Where an override is wrong.
    pub fn defaults(overrides: &[String]) -> Result<Self, SettingsError> {
        Self::parse("", Path::new("--set"), PathBuf::new(), overrides)
    }

    /// Reads a configuration from its text.
    ///
    /// # Errors
    /// Where a key or value is wrong; `path` names it in the error.
    pub fn parse(
        text: &str,
        path: &Path,
        base: PathBuf,
        overrides: &[String],
    ) -> Result<Self, SettingsError> {
        let wrong = |message: String| SettingsError::Wrong { path: path.to_owned(), message };
        let text = quantity::expanded(text).map_err(wrong)?;
        let of_file = |error: toml::de::Error| wrong(blame::located(&text, &error));
        let mut settings: Self = toml::from_str(&text).map_err(of_file)?;
        let mut table: toml::Table = text.parse().map_err(of_file)?;
        // One after the other, so that errors name the one that is wrong.
        for setting in overrides {
            let of_override = |message: String| SettingsError::Wrong {
                path: PathBuf::from(format!("--set {setting}")),
                message,
            };
            quantity::set(&mut table, setting).map_err(of_override)?;
            settings = table
                .clone()
                .try_into()
                .map_err(|error: toml::de::Error| of_override(blame::advised(error.message())))?;
        }
        settings.base = base;
        if let Some((key, rule)) = settings.broken_rule() {
            let overridden = overrides.iter().rev().find(|setting| {
                setting.split_once('=').is_some_and(|(name, _)| name.trim() == key)
            });
            return Err(match (overridden, line_of(&text, key, 1)) {
                (Some(setting), _) => SettingsError::Wrong {
                    path: PathBuf::from(format!("--set {setting}")),
                    message: format!("{key} {rule}"),
                },
                (None, Some(line)) => wrong(format!("line {line}, {key}: it {rule}")),
                (None, None) => wrong(format!("{key} {rule}")),
            });
        }
        Ok(settings)
    }

    /// The first key whose value is out of its range, and what its value must be.
    fn broken_rule(&self) -> Option<(&'static str, &'static str)> {
        let engine = &self.engine;
        let dispatch = &self.dispatch;
        let day_ms = 86_400_000;
        let rules = [
            (engine.tick.0.0 > 0, "engine.tick", "must be above 0"),
            (engine.workers > 0, "engine.workers", "must be at least 1"),
            (engine.in_flight_records > 0, "engine.in_flight_records", "must be above 0"),
            (engine.in_flight_bytes.0 > 0, "engine.in_flight_bytes", "must be above 0"),
            (engine.max_record_bytes.0 > 0, "engine.max_record_bytes", "must be above 0"),
            (engine.max_skew > 0, "engine.max_skew", "must be at least 1"),
            (engine.checkpoint_every.0.0 > 0, "engine.checkpoint_every", "must be above 0"),
            (engine.checkpoints_kept > 0, "engine.checkpoints_kept", "must be at least 1"),
            (dispatch.lost_load_price.0 > 0, "dispatch.lost_load_price", "must be above 0"),
            (dispatch.loss_per_km.0 >= 0, "dispatch.loss_per_km", "must not be below 0"),
            (dispatch.deadband_mw.0 >= 0, "dispatch.deadband_mw", "must not be below 0"),
            (dispatch.replan_every.0.0 > 0, "dispatch.replan_every", "must be above 0"),
            (
                (0..=1_000_000).contains(&dispatch.replan_gain.0),
                "dispatch.replan_gain",
                "must be from 0 to 1",
            ),
            (
                (0..=1_000_000).contains(&dispatch.reliability.0),
                "dispatch.reliability",
                "must be from 0 to 1",
            ),
            (
                (0..=10_000_000).contains(&dispatch.reliability_weight.0),
                "dispatch.reliability_weight",
                "must be from 0 to 10",
            ),
            (
                (0..1_000_000).contains(&dispatch.flexibility_weight.0),
                "dispatch.flexibility_weight",
                "must be from 0 to below 1",
            ),
            (
                (1..=30 * day_ms).contains(&dispatch.flexibility_horizon.0.0),
                "dispatch.flexibility_horizon",
                "must be above 0 and at most 30d",
            ),
        ];
        rules.into_iter().find(|(kept, ..)| !kept).map(|(_, key, rule)| (key, rule))
    }

    /// The settings that decide.
    #[must_use]
    pub fn rules(&self) -> Rules {
        let (engine, dispatch) = (&self.engine, &self.dispatch);
        let ppm = |value: i64| u32::try_from(value).unwrap_or_default();
        Rules {
            tick: engine.tick.0,
            lateness: engine.lateness.0,
            late: match engine.late {
                LateSetting::NextTick => Late::NextTick,
                LateSetting::DeadLetter => Late::DeadLetter,
            },
            dedup_window: engine.dedup_window.0,
            stale_after: engine.stale_after.0,
            stale: match engine.stale {
                StaleSetting::Hold => Stale::Hold,
                StaleSetting::Exclude => Stale::Exclude,
            },
            retention: engine.retention.0,
            dispatch: Dispatch {
                loss_per_km: dispatch.loss_per_km.0.unsigned_abs(),
                energy_price: Price(dispatch.energy_price.0),
                lost_load_price: Price(dispatch.lost_load_price.0),
                lead_time: dispatch.lead_time.0,
                deadband: Watts(dispatch.deadband_mw.0),
                release_hold: dispatch.release_hold.0,
                replan_every: dispatch.replan_every.0,
                replan_gain: Ppm(ppm(dispatch.replan_gain.0)),
                response_timeout: dispatch.response_timeout.0,
                reliability: Ppm(ppm(dispatch.reliability.0)),
                reliability_window: dispatch.reliability_window.0,
                reliability_weight: ppm(dispatch.reliability_weight.0),
                flexibility_weight: ppm(dispatch.flexibility_weight.0),
                flexibility_horizon: dispatch.flexibility_horizon.0,
            },
        }
    }

    /// A configured path, relative to the configuration.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        if path == gridweaver_connectors::file::STANDARD_STREAM {
            PathBuf::from(path)
        } else {
            self.base.join(path)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, String> {
        let parsed = Settings::parse(text, Path::new("c.toml"), PathBuf::new(), &[]);
        parsed.map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_the_rules_defaults() {
        assert_eq!(parse("").unwrap().rules(), Rules::default());
    }

    #[test]
    fn the_reference_file_holds_every_default() {
        let reference = parse(include_str!("../gridweaver.reference.toml")).unwrap();
        let defaults = parse("").unwrap();
        assert_eq!(format!("{:?}", reference.engine), format!("{:?}", defaults.engine));
        assert_eq!(format!("{:?}", reference.dispatch), format!("{:?}", defaults.dispatch));
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest() {
        let error = parse("[engine]\ntick = \"4s\"\nlatenes = \"2s\"\n").unwrap_err();
        assert_eq!(
            error,
            "c.toml: line 3, engine.latenes: there is no key `latenes` here; did you mean `lateness`?"
        );
        let source = "[[source]]\nkind = \"file\"\npaths = [\"a\"]\nfolow = true\n";
        let error = parse(source).unwrap_err();
        assert!(error.contains("line 4, source.folow: "), "{error}");
        assert!(error.contains("did you mean `follow`?"), "{error}");
    }

    #[test]
    fn values_are_exact_decimals_and_units() {
        let text = "[dispatch]\nreplan_gain = 0.07\nloss_per_km = 0.000045\nresponse_timeout = \"90s\"\n[engine]\nin_flight_bytes = \"64MiB\"\ntick = \"250ms\"";
        let settings = parse(text).unwrap();
        let rules = settings.rules();
        assert_eq!(rules.dispatch.replan_gain, Ppm(70_000));
        assert_eq!(rules.dispatch.loss_per_km, 45_000_000);
        assert_eq!(rules.dispatch.response_timeout, Some(Millis(90_000)));
        assert_eq!(rules.tick, Millis(250));
        assert_eq!(settings.engine.in_flight_bytes.0, 64 << 20);
    }

    #[test]
    fn a_value_out_of_range_says_what_is_allowed() {
        let error = parse("[dispatch]\nflexibility_weight = 1").unwrap_err();
        assert_eq!(
            error,
            "c.toml: line 2, dispatch.flexibility_weight: it must be from 0 to below 1"
        );
        assert!(parse("[engine]\ntick = \"4\"").unwrap_err().contains("unit"), "no unit");
    }
}
