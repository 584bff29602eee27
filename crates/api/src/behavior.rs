//! `behavior`: the fields of HPA v2's `behavior`, and its defaults.

use super::convert::InvalidSpec;
use super::quantity::parse_millionths;
use decide::{Millis, PolicyKind, Scaling, Select};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How fast the replica count may change, as in HPA v2's behavior. Absent fields have HPA's defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BehaviorSpec {
    /// Rules for scaling up. Default: no stabilization window; the larger of 4 pods and 100 percent in 15 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_up: Option<ScalingRules>,
    /// Rules for scaling down. Default: a stabilization window of 300 s; 100 percent in 15 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<ScalingRules>,
}

/// The rules for one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScalingRules {
    /// Seconds of past recommendations to consider: scaling up uses the lowest of them, scaling down the highest. Default: 0 up, 300 down.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3600))]
    pub stabilization_window_seconds: Option<i32>,
    /// Which of several policies applies: Max allows the largest change, Min the smallest, Disabled none. Default: Max.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select_policy: Option<SelectPolicy>,
    /// How much the replica count may change per period. Default: 4 pods and 100 percent in 15 s up, 100 percent in 15 s down.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    pub policies: Option<Vec<PolicySpec>>,
    /// How far target.tasksPerWorker may be missed before the replica count changes, as a ratio such as 0.1 or 50m. Default: 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "tolerance_schema")]
    pub tolerance: Option<Value>,
}

/// A number or a quantity, as in HPA. The schema cannot express this, so the operator validates it.
fn tolerance_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"x-kubernetes-preserve-unknown-fields": true})
}

/// Which of several policies applies: Max the one that allows the largest change, Min the smallest, Disabled none. Default: Max.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SelectPolicy {
    /// The policy that allows the largest change.
    Max,
    /// The policy that allows the smallest change.
    Min,
    /// No policy: the replica count does not change in this direction.
    Disabled,
}

/// The maximum change within a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicySpec {
    /// Pods: value is a number of workers. Percent: value is a percentage of the workers at the start of the period.
    #[serde(rename = "type")]
    pub type_: PolicyType,
    /// The maximum change: a number of workers, or a percentage.
    #[schemars(range(min = 1))]
    pub value: i32,
    /// The period in seconds.
    #[schemars(range(min = 1, max = 1800))]
    pub period_seconds: i32,
}

/// The unit of a policy's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PolicyType {
    /// A number of workers.
    Pods,
    /// A percentage of the workers at the start of the period.
    Percent,
}

/// HPA's default, in millionths: a target that is missed by less than a tenth changes nothing.
const DEFAULT_TOLERANCE: i64 = 100_000;
/// A tolerance must be below this, in millionths, so that the decision's arithmetic cannot overflow.
const MAX_TOLERANCE: i64 = 1_000_000_000_000_000;

impl BehaviorSpec {
    /// Fills in HPA's defaults.
    pub(super) fn resolve(&self) -> Result<decide::Behavior, InvalidSpec> {
        let policy = |kind, value| decide::Policy {
            kind,
            value,
            period: Millis::seconds(15),
        };
        let pods = policy(PolicyKind::Pods, 4);
        let percent = policy(PolicyKind::Percent, 100);
        let absent = ScalingRules::default();
        let up = self.scale_up.as_ref().unwrap_or(&absent);
        let down = self.scale_down.as_ref().unwrap_or(&absent);
        Ok(decide::Behavior {
            up: up.resolve("scaleUp", 0, &[pods, percent])?,
            down: down.resolve("scaleDown", 300, &[percent])?,
        })
    }
}

impl ScalingRules {
    fn resolve(
        &self,
        field: &str,
        default_window: i32,
        default_policies: &[decide::Policy],
    ) -> Result<Scaling, InvalidSpec> {
        let tolerance = match &self.tolerance {
            None => DEFAULT_TOLERANCE,
            Some(value) => tolerance(value).ok_or_else(|| {
                InvalidSpec(format!(
                    "behavior.{field}.tolerance {value} is not a ratio: use a number such as 0.1, or a quantity such as 50m"
                ))
            })?,
        };
        let select = match self.select_policy {
            None | Some(SelectPolicy::Max) => Select::Max,
            Some(SelectPolicy::Min) => Select::Min,
            Some(SelectPolicy::Disabled) => Select::Disabled,
        };
        let policy = |policy: &PolicySpec| decide::Policy {
            kind: match policy.type_ {
                PolicyType::Pods => PolicyKind::Pods,
                PolicyType::Percent => PolicyKind::Percent,
            },
            value: policy.value,
            period: Millis::seconds(policy.period_seconds.into()),
        };
        let window = self.stabilization_window_seconds.unwrap_or(default_window);
        Ok(Scaling {
            window: Millis::seconds(window.into()),
            select,
            policies: self.policies.as_ref().map_or_else(
                || default_policies.to_vec(),
                |policies| policies.iter().map(policy).collect(),
            ),
            tolerance,
        })
    }
}

/// The tolerance in millionths.
fn tolerance(value: &Value) -> Option<i64> {
    let millionths = match value {
        Value::Number(number) => parse_millionths(&number.to_string()),
        Value::String(text) => parse_millionths(text),
        _ => None,
    };
    millionths.filter(|n| *n < MAX_TOLERANCE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tolerance_is_a_number_or_a_quantity() {
        for (value, expected) in [
            (json!(0.1), Some(100_000)),
            (json!("0.05"), Some(50_000)),
            (json!("50m"), Some(50_000)),
            (json!("12.5m"), Some(12_500)),
            (json!(0), Some(0)),
            (json!(1), Some(1_000_000)),
            (json!(".2"), Some(200_000)),
            (json!("9999999999"), None),
            (json!("10%"), None),
            (json!("-1"), None),
            (json!(-0.1), None),
            (json!(""), None),
            (json!("m"), None),
            (json!([]), None),
        ] {
            assert_eq!(tolerance(&value), expected, "{value}");
        }
    }
}
