//! The text of each step, constraint, trigger and reason.

use decide::{Constraint, Millis, Reason, ReasonCode, Rule, Step, Time, Trigger};
use rstest::rstest;

const UNTIL: Option<Time> = Some(Time(33_418_000));

#[rstest]
#[case(Step::Queue("emails".into()), "queue: emails")]
#[case(Step::OutsideChange { found: 7, desired: 5 }, "found: 7, set by another client; ours is 5")]
#[case(Step::Up { rule: Rule::QueueLength, value: 17, limit: 8, recommended: Some(7) }, "scaleUp.queueLength: 17 > 8 → 7")]
#[case(Step::Up { rule: Rule::Utilization, value: 64, limit: 80, recommended: None }, "scaleUp.utilizationPercent: 64 % ≤ 80 %")]
#[case(Step::Up { rule: Rule::Cpu, value: 90, limit: 75, recommended: Some(7) }, "scaleUp.cpuPercent: 90 % > 75 % → 7")]
#[case(Step::Target { rule: Rule::TasksPerWorker, value: 37, limit: 5, recommended: 8 }, "target.tasksPerWorker: 37 ÷ 5 → 8")]
#[case(Step::Target { rule: Rule::DrainWithin, value: 17, limit: 30_000, recommended: 4 }, "target.drainWithin: 17 waiting, within 30s → 4")]
#[case(Step::Target { rule: Rule::MaxWait, value: 8_900, limit: 10_000, recommended: 6 }, "target.maxWait: oldest 8s of 10s → 6")]
#[case(Step::Down { rule: Rule::QueueLength, value: 1, limit: 2, met: true }, "scaleDown.queueLength: 1 < 2, met")]
#[case(Step::Down { rule: Rule::Utilization, value: 44, limit: 30, met: false }, "scaleDown.utilizationPercent: 44 % ≥ 30 %, not met")]
#[case(Step::MetricUnavailable { rule: Rule::QueueLength }, "queueLength: not known")]
#[case(Step::MetricUnsupported { rule: Rule::Cpu }, "cpuPercent: not reported by this queue system")]
#[case(Step::IdleTimer { idle: Millis(180_900), needed: Millis(300_000), recommended: None }, "scaleDown.idleFor: idle for 3m of 5m")]
#[case(Step::IdleTimer { idle: Millis(300_000), needed: Millis(300_000), recommended: Some(5) }, "scaleDown.idleFor: idle for 5m of 5m → 5")]
#[case(Step::Pinned { replicas: 4, until: None }, "replicas: 4")]
#[case(Step::Pinned { replicas: 4, until: UNTIL }, "replicas: 4 until 09:16:58")]
#[case(Step::Fallback { replicas: 6 }, "onUnknown.replicas: at least 6")]
#[case(Step::NotWritten { replicas: 5 }, "dryRun: 5, not written")]
fn step_text(#[case] step: Step, #[case] text: &str) {
    assert_eq!(
        format!(
            "{}: {}",
            messages::step_name(&step),
            messages::step_detail(&step)
        ),
        text
    );
}

#[rstest]
#[case(Constraint::CooldownUp, "scaleUp.cooldown")]
#[case(Constraint::CooldownDown, "scaleDown.cooldown")]
#[case(Constraint::WindowUp, "behavior.scaleUp.stabilizationWindowSeconds")]
#[case(
    Constraint::WindowDown,
    "behavior.scaleDown.stabilizationWindowSeconds"
)]
#[case(Constraint::Policy, "behavior policies")]
#[case(Constraint::Dampening, "cooldown between small changes")]
#[case(Constraint::RecentlyBusy, "recently busy")]
#[case(Constraint::Min, "minReplicas")]
#[case(Constraint::Schedule, "schedule")]
#[case(Constraint::Max, "maxReplicas")]
#[case(Constraint::Busy, "busy workers")]
#[case(Constraint::Unknown, "unknown metrics")]
fn constraint_text(#[case] by: Constraint, #[case] label: &str) {
    let step = Step::Constrained {
        by,
        from: 7,
        to: 5,
        until: UNTIL,
    };
    assert_eq!(
        format!(
            "{}: {}",
            messages::step_name(&step),
            messages::step_detail(&step)
        ),
        format!("{label}: 7 → 5 until 09:16:58")
    );
    let step = Step::Constrained {
        by,
        from: 7,
        to: 5,
        until: None,
    };
    assert_eq!(messages::step_detail(&step), "7 → 5");
}

#[rstest]
#[case(0, "0s")]
#[case(250, "250ms")]
#[case(45_000, "45s")]
#[case(90_000, "90s")]
#[case(119_000, "119s")]
#[case(119_500, "1m59s500ms")]
#[case(120_000, "2m")]
#[case(121_000, "2m1s")]
#[case(3_600_000, "1h")]
#[case(5_445_250, "1h30m45s250ms")]
#[case(-5, "0s")]
fn span_text(#[case] millis: i64, #[case] text: &str) {
    assert_eq!(Millis(millis).to_string(), text);
}

#[rstest]
#[case(Rule::QueueLength, 1, "1 task waits, more than 0")]
#[case(Rule::QueueLength, 2, "2 tasks wait, more than 0")]
#[case(Rule::TasksPerWorker, 1, "1 task, target 0 per worker")]
#[case(Rule::DrainWithin, 1, "1 task waits, to be finished within 0s")]
fn trigger_text(#[case] rule: Rule, #[case] value: i64, #[case] text: &str) {
    let trigger = Trigger {
        rule,
        value,
        threshold: 0,
        queue: None,
    };
    let message = messages::message(&Reason::ScaleUp(trigger), 3, 5);
    assert_eq!(message, format!("{text}: 3 → 5 workers"));
}

#[test]
fn every_reason_code_has_a_meaning() {
    for reason in ReasonCode::ALL {
        assert_eq!(reason.to_string(), reason.as_str());
        assert!(!reason.meaning().is_empty());
    }
}
