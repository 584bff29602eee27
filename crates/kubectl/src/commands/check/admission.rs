//! Whether the chart's two admission policies are in force.

use super::finding::{Finding, warn};
use super::setup::{Platform, Setup};
use crate::cluster::Cluster;
use crate::cluster::operator::Operator;
use crate::text::lang::tr;
use futures::future::join_all;
use k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicyBinding;
use kube::api::Api;

/// What the names of the policies end with, and of their bindings, which have the same names.
const POLICIES: [&str; 2] = ["pods", "pools"];

/// A warning for the policies of this operator that the cluster lacks; nothing where the user may not see that.
pub(super) async fn policies(
    cluster: &Cluster,
    setup: &Setup,
    operator: &anyhow::Result<Operator>,
) -> Option<Finding> {
    let Ok(Operator::Found {
        namespace,
        name,
        release,
        ..
    }) = operator
    else {
        return None;
    };
    if setup.platform == Platform::Local {
        return None; // it has neither users nor policies
    }
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(cluster.client.clone());
    let names = POLICIES.map(|policy| format!("{name}-{namespace}-{policy}"));
    let found = join_all(names.iter().map(|name| bindings.get_opt(name))).await;
    let missing = names.into_iter().zip(found);
    let missing = missing.filter(|(_, found)| matches!(found, Ok(None)));
    let missing: Vec<String> = missing.map(|(name, _)| name).collect();
    (!missing.is_empty()).then(|| {
        let missing = missing.join(", ");
        let mut fix = setup.upgrade(release.as_ref());
        if release.is_some() {
            fix.push_str(" --set admissionPolicies.enabled=true");
        }
        let text = tr!(cluster.out.lang, "cli-admission-missing", missing);
        warn("admission", text, fix)
    })
}
