//! How the controller of a target replaces pods: what a scale-down must know of a rollout. A target of a foreign kind may
//! have anything in these fields; what cannot be read has Kubernetes' default.

use serde_json::Value;

/// The rollout of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rollout {
    /// A paused Deployment: its controller scales, and replaces no pod.
    pub paused: bool,
    /// A Deployment whose rollout is past `progressDeadlineSeconds`: it may never end.
    pub past_deadline: bool,
    /// A `StatefulSet` some of whose pods keep an older template: `OnDelete`, or a partition.
    pub partial: bool,
    /// The first ordinal of a `StatefulSet`.
    pub first_ordinal: i32,
    max_surge: Amount,
    max_unavailable: Amount,
}

/// A number of pods, or a share of the replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Amount {
    Pods(i32),
    Percent(i32),
}

impl Default for Amount {
    fn default() -> Self {
        Self::Percent(25)
    }
}

impl Rollout {
    /// Reads it from the spec and the status of a target.
    pub fn read(spec: &Value, status: &Value) -> Self {
        let number = |pointer: &str| {
            let number = spec.pointer(pointer).and_then(Value::as_i64);
            number.and_then(|n| i32::try_from(n).ok()).unwrap_or(0)
        };
        let is = |value: Option<&Value>, text: &str| value.and_then(Value::as_str) == Some(text);
        let conditions = status.get("conditions").and_then(Value::as_array);
        let has_failed = |condition: &Value| {
            is(condition.get("type"), "Progressing")
                && is(condition.get("reason"), "ProgressDeadlineExceeded")
        };
        let recreates = is(spec.pointer("/strategy/type"), "Recreate");
        let amount = |name: &str, of_recreate| {
            let value = spec.pointer(&format!("/strategy/rollingUpdate/{name}"));
            match value.and_then(Amount::read) {
                _ if recreates => of_recreate,
                amount => amount.unwrap_or_default(),
            }
        };
        Self {
            paused: spec.get("paused").and_then(Value::as_bool) == Some(true),
            past_deadline: conditions.is_some_and(|all| all.iter().any(has_failed)),
            partial: is(spec.pointer("/updateStrategy/type"), "OnDelete")
                || number("/updateStrategy/rollingUpdate/partition") > 0,
            first_ordinal: number("/ordinals/start"),
            max_surge: amount("maxSurge", Amount::Pods(0)),
            max_unavailable: amount("maxUnavailable", Amount::Percent(100)),
        }
    }

    /// Whether it does not end by itself.
    pub fn is_stuck(&self) -> bool {
        self.paused || self.past_deadline
    }

    /// How many pods a Deployment with `replicas` may have, as long as it has several `ReplicaSet`s.
    pub fn most_pods(&self, replicas: i32) -> i32 {
        replicas.saturating_add(self.max_surge.of(replicas, true))
    }

    /// How many available pods it keeps while it replaces the others.
    pub fn least_available(&self, replicas: i32) -> i32 {
        let surge = self.max_surge.of(replicas, true);
        // With neither, no pod could be replaced: the controller takes one.
        let unavailable = self
            .max_unavailable
            .of(replicas, false)
            .max(i32::from(surge == 0));
        (replicas - unavailable).max(0)
    }
}

impl Amount {
    fn read(value: &Value) -> Option<Self> {
        if let Some(pods) = value.as_i64() {
            return i32::try_from(pods).ok().map(Self::Pods);
        }
        let percent = value.as_str()?.strip_suffix('%')?.parse().ok()?;
        Some(Self::Percent(percent))
    }

    fn of(self, replicas: i32, round_up: bool) -> i32 {
        let percent = match self {
            Self::Pods(pods) => return pods.max(0),
            Self::Percent(percent) => percent,
        };
        let hundredths = i64::from(replicas) * i64::from(percent);
        let pods = (hundredths + if round_up { 99 } else { 0 }) / 100;
        i32::try_from(pods).unwrap_or(i32::MAX).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn absent_fields_are_kubernetes_defaults() {
        let rollout = Rollout::read(&json!({}), &json!({}));
        assert_eq!(rollout, Rollout::default());
        assert!(!rollout.is_stuck());
        // A quarter of 7: 2 rounded up, 1 rounded down.
        assert_eq!((rollout.most_pods(7), rollout.least_available(7)), (9, 6));
        // A quarter of 2 rounded down is none, but one more may be created.
        assert_eq!((rollout.most_pods(2), rollout.least_available(2)), (3, 2));
    }

    #[test]
    fn a_rollout_that_does_not_end_is_stuck() {
        let paused = Rollout::read(&json!({"paused": true}), &json!({}));
        assert!(paused.is_stuck() && paused.paused);
        let condition = |reason: &str| json!({"conditions": [{"type": "Available"}, {"type": "Progressing", "reason": reason}]});
        let read = |reason: &str| Rollout::read(&json!({}), &condition(reason));
        assert!(read("ProgressDeadlineExceeded").is_stuck());
        assert!(!read("ReplicaSetUpdated").is_stuck());
    }

    #[test]
    fn amounts_are_pods_or_percent() {
        let with = |surge: Value, unavailable: Value| {
            let strategy =
                json!({"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}});
            Rollout::read(&json!({"strategy": strategy}), &json!({}))
        };
        let pods = with(json!(3), json!(2));
        assert_eq!((pods.most_pods(7), pods.least_available(7)), (10, 5));
        let percent = with(json!("50%"), json!("50%"));
        assert_eq!((percent.most_pods(7), percent.least_available(7)), (11, 4));
        let neither = with(json!(0), json!(0));
        assert_eq!((neither.most_pods(7), neither.least_available(7)), (7, 6));
        let recreate = Rollout::read(&json!({"strategy": {"type": "Recreate"}}), &json!({}));
        assert_eq!((recreate.most_pods(7), recreate.least_available(7)), (7, 0));
    }

    #[test]
    fn a_stateful_set_has_ordinals_and_partitions() {
        let spec = json!({"ordinals": {"start": 5}, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}});
        let rollout = Rollout::read(&spec, &json!({}));
        assert_eq!((rollout.first_ordinal, rollout.partial), (5, true));
        let on_delete = Rollout::read(&json!({"updateStrategy": {"type": "OnDelete"}}), &json!({}));
        assert!(on_delete.partial);
    }

    #[test]
    fn foreign_kinds_may_have_anything() {
        let spec = json!({"paused": "yes", "ordinals": 7, "strategy": {"canary": {}}, "updateStrategy": [1]});
        let rollout = Rollout::read(&spec, &json!({"conditions": "none"}));
        assert_eq!(rollout, Rollout::default());
    }
}
