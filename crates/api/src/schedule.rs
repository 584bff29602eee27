//! `schedules`: recurring windows with a higher minReplicas.

use super::{Duration, InvalidSpec, rules, time};
use croner::parser::{CronParser, Seconds, Year};
use croner::{Cron, Weekday};
use decide::{Millis, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A recurring window in which minReplicas is higher. If several windows are active, the largest minReplicas applies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleSpec {
    /// Name of the schedule, for messages.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// When the window begins: minute, hour, day of month, month, day of week, such as "50 8 * * 5" (Fridays at 8:50).
    #[schemars(length(min = 9, max = 120))]
    #[x_kube(validation = rules::CRON_HAS_FIVE_FIELDS)]
    pub cron: String,
    /// How long the window lasts, such as 2h. At most 168h.
    pub duration: Duration,
    /// The IANA time zone of cron, such as Europe/Madrid. If daylight saving time skips the start, the window begins at the next existing time; if it repeats the start, the window begins once. Default: UTC.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 64))]
    pub timezone: String,
    /// Minimum number of workers during the window.
    #[schemars(range(min = 0, max = 100_000))]
    pub min_replicas: i32,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// The maximum duration of a window: a week.
const MAX_DURATION: Millis = Millis::seconds(7 * 24 * 3600);
/// Overlapping windows are merged; after this many in a row, the rest is computed when the merged window ends.
const MAX_MERGED: usize = 16;

/// Parsed schedules.
#[derive(Clone, Debug, Default)]
pub struct Schedules(Vec<Schedule>);

#[derive(Clone, Debug)]
struct Schedule {
    name: Arc<str>,
    cron: Cron,
    zone: TimeZone,
    duration: Millis,
    min: i32,
}

impl Schedules {
    /// Parses the specs; the error names the first invalid one and what to write instead.
    pub fn new(specs: &[ScheduleSpec]) -> Result<Self, InvalidSpec> {
        specs
            .iter()
            .map(Schedule::new)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// For each schedule the window that is active at `now`, otherwise the next one.
    pub fn windows(&self, now: Time) -> Vec<decide::Schedule> {
        self.0
            .iter()
            .filter_map(|schedule| schedule.window(now))
            .collect()
    }
}

impl Schedule {
    fn new(spec: &ScheduleSpec) -> Result<Self, InvalidSpec> {
        let ScheduleSpec {
            name,
            cron,
            duration,
            timezone,
            min_replicas,
        } = spec;
        let invalid = |what: String| InvalidSpec(format!("schedule {name}: {what}"));
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let parsed = parser.parse(cron).map_err(|error| {
            invalid(format!(
                "cron `{cron}` is invalid ({error}): use five fields, such as `50 8 * * 5`"
            ))
        })?;
        if !has_a_day(&parsed) {
            return Err(invalid(format!(
                "cron `{cron}` never comes: no year has such a day"
            )));
        }
        let zone = TimeZone::get(timezone).map_err(|_| {
            invalid(format!(
                "time zone {timezone} is unknown: use an IANA name such as Europe/Madrid"
            ))
        })?;
        if duration.0 <= Millis(0) || duration.0 > MAX_DURATION {
            return Err(invalid(format!(
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

    /// The window that is active at `now`, otherwise the next one.
    fn window(&self, now: Time) -> Option<decide::Schedule> {
        let local_now = Timestamp::from_millisecond(now.0)
            .ok()?
            .to_zoned(self.zone.clone());
        let instant = |zoned: Zoned| time(zoned.timestamp());
        // An earlier window may have been extended by each window that began before its end.
        let last = self
            .cron
            .find_previous_occurrence(&local_now, true)
            .ok()
            .map(instant);
        let active = last.filter(|from| *from + self.duration > now);
        let from = active.or_else(|| {
            self.cron
                .find_next_occurrence(&local_now, false)
                .ok()
                .map(instant)
        })?;
        let mut until = from + self.duration;
        let mut start = Timestamp::from_millisecond(from.0)
            .ok()?
            .to_zoned(self.zone.clone());
        for _ in 0..MAX_MERGED {
            let Ok(next) = self.cron.find_next_occurrence(&start, false) else {
                break;
            };
            let next_from = instant(next.clone());
            if next_from > until {
                break;
            }
            start = next;
            until = next_from + self.duration;
        }
        Some(decide::Schedule {
            name: Arc::clone(&self.name),
            min: self.min,
            from,
            until,
        })
    }
}

/// Whether the schedule comes on any day: weekdays and leap years repeat after 28 years. A search for the next occurrence
/// that there is not would go through thousands of years, in the middle of all other pools' decisions.
fn has_a_day(cron: &Cron) -> bool {
    let number = |part: i8| u32::try_from(part).unwrap_or(0);
    let is_ok = |matches: Result<bool, _>| matches.unwrap_or(false);
    let first = jiff::civil::date(2000, 1, 1);
    first
        .series(jiff::Span::new().days(1))
        .take(28 * 366)
        .filter(|day| is_ok(cron.pattern.month_match(number(day.month()))))
        .any(|day| {
            let weekday =
                Weekday::from_days_from_sunday(number(day.weekday().to_sunday_zero_offset()));
            let (month, day_of_month) = (number(day.month()), number(day.day()));
            let year = i32::from(day.year());
            is_ok(cron.pattern.day_match(year, month, day_of_month, weekday))
        })
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

    /// The first window at `now`, as text.
    fn window(cron: &str, duration: &str, timezone: &str, now: &str) -> String {
        let now = time(now.parse().expect("a time"));
        let windows = schedule(cron, duration, timezone)
            .expect("a valid schedule")
            .windows(now);
        let format = |at: Time| {
            Timestamp::from_millisecond(at.0)
                .expect("a time")
                .to_string()
        };
        windows.first().map_or("none".to_owned(), |found| {
            format!("{} {}", format(found.from), format(found.until))
        })
    }

    #[test]
    fn follows_the_clock_of_its_time_zone() {
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
    fn skipped_local_time_begins_at_the_next_existing() {
        let found = window("30 2 29 3 *", "1h", "Europe/Madrid", "2026-03-28T12:00:00Z");
        assert_eq!(found, "2026-03-29T01:00:00Z 2026-03-29T02:00:00Z");
    }

    #[test]
    fn repeated_local_time_counts_once() {
        let found = window(
            "30 2 25 10 *",
            "3h",
            "Europe/Madrid",
            "2026-10-24T12:00:00Z",
        );
        assert_eq!(found, "2026-10-25T00:30:00Z 2026-10-25T03:30:00Z");
    }

    #[test]
    fn overlapping_and_adjacent_windows_are_merged() {
        let found = window("0 8-10 * * *", "90m", "UTC", "2026-11-24T09:10:00Z");
        assert_eq!(found, "2026-11-24T09:00:00Z 2026-11-24T11:30:00Z");
        let found = window("0 8,9 * * *", "1h", "UTC", "2026-11-24T08:10:00Z");
        assert_eq!(found, "2026-11-24T08:00:00Z 2026-11-24T10:00:00Z");
    }

    #[test]
    fn a_schedule_that_comes_seldom_is_one() {
        for cron in [
            "0 0 29 2 *",
            "0 0 29 2 +FRI",
            "0 0 31 2 FRI",
            "0 0 L 2 *",
            "0 0 * 2 FRI#5",
        ] {
            schedule(cron, "2h", "UTC").expect(cron);
        }
    }

    #[test]
    fn invalid_schedules_are_rejected_with_advice() {
        for (cron, duration, zone, expected) in [
            ("50 8 * *", "2h", "UTC", "five fields"),
            ("61 8 * * 5", "2h", "UTC", "five fields"),
            ("0 50 8 * * 5", "2h", "UTC", "five fields"),
            ("0 0 31 2 *", "2h", "UTC", "never comes"),
            ("0 0 30,31 2 *", "2h", "UTC", "never comes"),
            ("0 0 31 4,6,9,11 *", "2h", "UTC", "never comes"),
            ("0 0 30 2 +FRI", "2h", "UTC", "never comes"),
            ("0 0 13 * +FRI#1", "2h", "UTC", "never comes"),
            ("50 8 * * 5", "2h", "Europe/Madird", "Europe/Madrid"),
            ("50 8 * * 5", "0s", "UTC", "more than 0s"),
            ("50 8 * * 5", "169h", "UTC", "168h"),
        ] {
            let error = schedule(cron, duration, zone).expect_err(cron).to_string();
            assert!(
                error.starts_with("schedule class: ") && error.contains(expected),
                "{error}"
            );
        }
    }
}
