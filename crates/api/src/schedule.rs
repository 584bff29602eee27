//! `schedules`: windows by the calendar in which more workers are the least.

use super::{Duration, InvalidSpec, time};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use decide::{Millis, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A window by the calendar in which minReplicas is higher. Where several are active the largest counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleSpec {
    /// Its name, as sentences call it.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// When it begins: minute, hour, day of month, month, day of week, such as "50 8 * * 5" (Fridays at 8:50).
    #[schemars(length(min = 9, max = 120))]
    #[x_kube(validation = Rule::new("self.matches('^ *[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ *$')").message("a schedule's cron has five fields (minute, hour, day of month, month, day of week), such as '50 8 * * 5' for Fridays at 8:50"))]
    pub cron: String,
    /// How long it lasts, such as 2h. At most 168h.
    pub duration: Duration,
    /// The time zone of cron, by its IANA name, such as Europe/Madrid. A time that the clock skips begins at the next that exists; one that comes twice counts once. Default: UTC.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 64))]
    pub timezone: String,
    /// Fewest workers while it lasts.
    #[schemars(range(min = 0, max = 100_000))]
    pub min_replicas: i32,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// The longest window: a week.
const LONGEST: Millis = Millis::seconds(7 * 24 * 3600);
/// Windows that overlap are one; after so many of them in a row its end is looked up anew when it comes.
const OVERLAPS: usize = 16;

/// Schedules that can be asked what is active.
#[derive(Clone, Debug, Default)]
pub struct Schedules(Vec<Parsed>);

#[derive(Clone, Debug)]
struct Parsed {
    name: Arc<str>,
    cron: Cron,
    zone: TimeZone,
    duration: Millis,
    min: i32,
}

impl Schedules {
    /// Reads the specs; the first that cannot work is refused with what to write instead.
    pub fn new(specs: &[ScheduleSpec]) -> Result<Self, InvalidSpec> {
        specs
            .iter()
            .map(Parsed::new)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// For each schedule the window that is active at `now`, or else the next one.
    #[must_use]
    pub fn windows(&self, now: Time) -> Vec<decide::Schedule> {
        self.0
            .iter()
            .filter_map(|schedule| schedule.window(now))
            .collect()
    }
}

impl Parsed {
    fn new(spec: &ScheduleSpec) -> Result<Self, InvalidSpec> {
        let ScheduleSpec {
            name,
            cron,
            duration,
            timezone,
            min_replicas,
        } = spec;
        let refuse = |what: String| InvalidSpec(format!("schedule {name}: {what}"));
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let parsed = parser.parse(cron).map_err(|error| {
            refuse(format!(
                "cron `{cron}` cannot be read ({error}): write five fields, such as `50 8 * * 5`"
            ))
        })?;
        let zone = TimeZone::get(timezone).map_err(|_| {
            refuse(format!(
                "time zone {timezone} is not known: write one such as Europe/Madrid"
            ))
        })?;
        if duration.0 <= Millis(0) || duration.0 > LONGEST {
            return Err(refuse(format!(
                "duration {duration} must be more than 0s and at most 168h"
            )));
        }
        Ok(Self {
            name: name.as_str().into(),
            cron: parsed,
            zone,
            duration: duration.0,
            min: *min_replicas,
        })
    }

    fn window(&self, now: Time) -> Option<decide::Schedule> {
        let here = Timestamp::from_millisecond(now.0)
            .ok()?
            .to_zoned(self.zone.clone());
        let at = |zoned: Zoned| time(zoned.timestamp());
        // One that began long ago may have been prolonged by each that began before its end.
        let last = self.cron.find_previous_occurrence(&here, true).ok().map(at);
        let active = last.filter(|from| *from + self.duration > now);
        let from = active.or_else(|| self.cron.find_next_occurrence(&here, false).ok().map(at))?;
        let mut until = from + self.duration;
        let mut start = Timestamp::from_millisecond(from.0)
            .ok()?
            .to_zoned(self.zone.clone());
        for _ in 0..OVERLAPS {
            let Ok(next) = self.cron.find_next_occurrence(&start, false) else {
                break;
            };
            let begins = at(next.clone());
            if begins > until {
                break;
            }
            (start, until) = (next, begins + self.duration);
        }
        Some(decide::Schedule {
            name: Arc::clone(&self.name),
            min: self.min,
            from,
            until,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(cron: &str, duration: &str, timezone: &str) -> Result<Schedules, InvalidSpec> {
        Schedules::new(&[ScheduleSpec {
            name: "class".to_owned(),
            cron: cron.to_owned(),
            duration: duration.parse().expect("a duration"),
            timezone: timezone.to_owned(),
            min_replicas: 5,
        }])
    }

    /// The window as text, seen from `now`.
    fn window(cron: &str, duration: &str, timezone: &str, now: &str) -> String {
        let now = time(now.parse().expect("a time"));
        let windows = schedule(cron, duration, timezone)
            .expect("it can work")
            .windows(now);
        let text = |at: Time| {
            Timestamp::from_millisecond(at.0)
                .expect("a time")
                .to_string()
        };
        windows.first().map_or("none".to_owned(), |found| {
            format!("{} {}", text(found.from), text(found.until))
        })
    }

    #[test]
    fn the_calendar_of_madrid() {
        let class = |now| window("50 8 * * 5", "2h", "Europe/Madrid", now);
        let friday = "2026-11-27T07:50:00Z 2026-11-27T09:50:00Z";
        assert_eq!(class("2026-11-24T00:00:00Z"), friday, "the next one");
        assert_eq!(class("2026-11-27T07:50:00Z"), friday, "its first instant");
        assert_eq!(class("2026-11-27T09:49:59Z"), friday, "its last second");
        assert_eq!(
            class("2026-11-27T09:50:00Z"),
            "2026-12-04T07:50:00Z 2026-12-04T09:50:00Z",
            "its end"
        );
        assert_eq!(
            class("2026-07-01T00:00:00Z"),
            "2026-07-03T06:50:00Z 2026-07-03T08:50:00Z",
            "summer time"
        );
    }

    #[test]
    fn a_time_that_the_clock_skips_begins_at_the_next_that_exists() {
        let found = window("30 2 29 3 *", "1h", "Europe/Madrid", "2026-03-28T12:00:00Z");
        assert_eq!(found, "2026-03-29T01:00:00Z 2026-03-29T02:00:00Z");
    }

    #[test]
    fn a_time_that_comes_twice_counts_once_and_a_duration_is_real_time() {
        let found = window(
            "30 2 25 10 *",
            "3h",
            "Europe/Madrid",
            "2026-10-24T12:00:00Z",
        );
        assert_eq!(found, "2026-10-25T00:30:00Z 2026-10-25T03:30:00Z");
    }

    #[test]
    fn windows_that_overlap_or_touch_are_one() {
        let found = window("0 8-10 * * *", "90m", "UTC", "2026-11-24T09:10:00Z");
        assert_eq!(found, "2026-11-24T09:00:00Z 2026-11-24T11:30:00Z");
        let found = window("0 8,9 * * *", "1h", "UTC", "2026-11-24T08:10:00Z");
        assert_eq!(found, "2026-11-24T08:00:00Z 2026-11-24T10:00:00Z");
    }

    #[test]
    fn what_cannot_work_is_refused_with_advice() {
        for (cron, duration, zone, says) in [
            ("50 8 * *", "2h", "UTC", "five fields"),
            ("61 8 * * 5", "2h", "UTC", "five fields"),
            ("0 50 8 * * 5", "2h", "UTC", "five fields"),
            ("50 8 * * 5", "2h", "Europe/Madird", "Europe/Madrid"),
            ("50 8 * * 5", "0s", "UTC", "more than 0s"),
            ("50 8 * * 5", "169h", "UTC", "168h"),
        ] {
            let refusal = schedule(cron, duration, zone).expect_err(cron).to_string();
            assert!(
                refusal.starts_with("schedule class: ") && refusal.contains(says),
                "{refusal}"
            );
        }
    }
}
