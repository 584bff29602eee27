//! HPA v2's `behavior`, field by field, and its defaults.

use super::convert::InvalidSpec;
use decide::{Millis, PolicyKind, Scaling, Select};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// HPA v2's behavior: how fast the number may move. What it leaves out has HPA's defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BehaviorSpec {
    /// Towards more workers. Default: no window; the larger of 4 pods and 100 percent in 15 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_up: Option<ScalingRules>,
    /// Towards fewer workers. Default: a window of 300 s; 100 percent in 15 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<ScalingRules>,
}

/// The rules of one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScalingRules {
    /// Seconds over which all answers are weighed: up goes by the lowest of them, down by the highest. Default: 0 up, 300 down.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3600))]
    pub stabilization_window_seconds: Option<i32>,
    /// Which of several policies counts: Max allows the largest change, Min the smallest, Disabled none. Default: Max.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select_policy: Option<SelectPolicy>,
    /// How much may change in how many seconds. Default: 4 pods and 100 percent in 15 s up, 100 percent in 15 s down.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    pub policies: Option<Vec<PolicySpec>>,
    /// How far off target.tasksPerWorker may be before anything changes, as a share such as 0.1 or 50m. Default: 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "tolerance_schema")]
    pub tolerance: Option<Value>,
}

/// A number or a quantity, as HPA takes it; what it cannot say to admission is refused by the operator.
fn tolerance_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"x-kubernetes-preserve-unknown-fields": true})
}

/// Which of several policies counts: Max the one that allows the largest change, Min the smallest, Disabled none. Default: Max.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SelectPolicy {
    /// The one that allows the largest change.
    Max,
    /// The one that allows the smallest.
    Min,
    /// None: nothing moves in this direction.
    Disabled,
}

/// At most this much change within a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicySpec {
    /// Pods: value counts workers. Percent: of the workers at the start of the period.
    #[serde(rename = "type")]
    pub type_: PolicyType,
    /// How many, or how much percent.
    #[schemars(range(min = 1))]
    pub value: i32,
    /// Within how many seconds.
    #[schemars(range(min = 1, max = 1800))]
    pub period_seconds: i32,
}

/// What a policy counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PolicyType {
    /// Workers.
    Pods,
    /// Percent of the workers at the start of the period.
    Percent,
}

/// HPA's default: a target that is off by less than a tenth changes nothing.
const TOLERANCE: i64 = 100_000;

impl BehaviorSpec {
    /// The behavior with HPA's defaults filled in.
    pub(super) fn filled(&self) -> Result<decide::Behavior, InvalidSpec> {
        let policy = |kind, value| decide::Policy {
            kind,
            value,
            period: Millis::seconds(15),
        };
        let (pods, percent) = (
            policy(PolicyKind::Pods, 4),
            policy(PolicyKind::Percent, 100),
        );
        let none = ScalingRules::default();
        Ok(decide::Behavior {
            up: self
                .scale_up
                .as_ref()
                .unwrap_or(&none)
                .filled("scaleUp", 0, &[pods, percent])?,
            down: self
                .scale_down
                .as_ref()
                .unwrap_or(&none)
                .filled("scaleDown", 300, &[percent])?,
        })
    }
}

impl ScalingRules {
    fn filled(
        &self,
        side: &str,
        window: i32,
        policies: &[decide::Policy],
    ) -> Result<Scaling, InvalidSpec> {
        let tolerance = match &self.tolerance {
            None => TOLERANCE,
            Some(value) => millionths(value).ok_or_else(|| {
                InvalidSpec(format!(
                    "behavior.{side}.tolerance {value} is no share: write a number such as 0.1, or a quantity such as 50m"
                ))
            })?,
        };
        let select = match self.select_policy {
            None | Some(SelectPolicy::Max) => Select::Max,
            Some(SelectPolicy::Min) => Select::Min,
            Some(SelectPolicy::Disabled) => Select::Disabled,
        };
        let own = |policy: &PolicySpec| decide::Policy {
            kind: match policy.type_ {
                PolicyType::Pods => PolicyKind::Pods,
                PolicyType::Percent => PolicyKind::Percent,
            },
            value: policy.value,
            period: Millis::seconds(policy.period_seconds.into()),
        };
        Ok(Scaling {
            window: Millis::seconds(self.stabilization_window_seconds.unwrap_or(window).into()),
            select,
            policies: self.policies.as_ref().map_or_else(
                || policies.to_vec(),
                |policies| policies.iter().map(own).collect(),
            ),
            tolerance,
        })
    }
}

/// `0.1`, `"0.1"` and `"100m"` are 100,000 millionths.
fn millionths(value: &Value) -> Option<i64> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    let (digits, places) = match text.strip_suffix('m') {
        Some(milli) => (milli, 3),
        None => (text.as_str(), 6),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + part.len() == 0 || whole.len() > 9 || !plain(whole) || !plain(part) {
        return None;
    }
    let part: String = part
        .chars()
        .chain(std::iter::repeat('0'))
        .take(places)
        .collect();
    format!("{whole}{part}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_tolerance_is_a_number_or_a_quantity() {
        for (value, expected) in [
            (json!(0.1), Some(100_000)),
            (json!("0.05"), Some(50_000)),
            (json!("50m"), Some(50_000)),
            (json!("12.5m"), Some(12_500)),
            (json!(0), Some(0)),
            (json!(1), Some(1_000_000)),
            (json!(".2"), Some(200_000)),
            (json!("10%"), None),
            (json!("-1"), None),
            (json!(-0.1), None),
            (json!(""), None),
            (json!("m"), None),
            (json!([]), None),
        ] {
            assert_eq!(millionths(&value), expected, "{value}");
        }
    }
}
