//! Pods whose image cannot be pulled: which image, why, and what provides it.

use super::setup::{Setup, VERSION};
use crate::text::lang::{Lang, tr};
use decide::foreign;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::ResourceExt;

/// The reasons of a container that waits for its image.
const REASONS: [&str; 4] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
];

/// An image that a pod cannot get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PullError {
    pod: String,
    namespace: String,
    /// What made the pod, as `deployment/NAME`.
    workload: Option<String>,
    container: String,
    image: String,
    reason: String,
    /// The end of the node's message.
    cause: String,
    /// The image of this version for such a pod.
    expected: Option<String>,
}

impl PullError {
    /// The first of these pods that cannot get an image.
    pub(super) fn find(pods: &[Pod]) -> Option<Self> {
        pods.iter().find_map(|pod| {
            let status = pod.status.as_ref()?;
            let of_init = status.init_container_statuses.iter().flatten();
            let mut all = of_init.chain(status.container_statuses.iter().flatten());
            all.find_map(|container| Self::of(pod, container))
        })
    }

    fn of(pod: &Pod, container: &ContainerStatus) -> Option<Self> {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        let reason = waiting.reason.clone()?;
        let message = waiting.message.as_deref().unwrap_or_default();
        let label = |name: &str| pod.labels().get(&format!("app.kubernetes.io/{name}"));
        let ours = label("name").is_some_and(|name| name == "workerpool");
        let component = label("component").filter(|_| ours);
        let expected =
            component.map(|name| format!("ghcr.io/workerpool-dev/workerpool-{name}:{VERSION}"));
        REASONS.contains(&reason.as_str()).then(|| Self {
            pod: pod.name_any(),
            namespace: pod.namespace().unwrap_or_default(),
            workload: workload(pod),
            container: container.name.clone(),
            image: foreign(&container.image, 200),
            cause: foreign(message.rsplit_once(": ").map_or("", |(_, end)| end), 80),
            reason,
            expected,
        })
    }

    /// Which image cannot be pulled, and why.
    pub(super) fn text(&self, lang: Lang) -> String {
        let Self {
            image,
            reason,
            cause,
            ..
        } = self;
        let cause = (!cause.is_empty()).then(|| format!(": {cause}"));
        let cause = cause.unwrap_or_default();
        tr!(lang, "cli-image-not-pulled", image, reason, cause)
    }

    /// The command that provides the image, or corrects its name.
    pub(super) fn fix(&self, setup: &Setup, lang: Lang) -> String {
        let Self {
            pod,
            namespace,
            container,
            image,
            ..
        } = self;
        let correct = self.workload.as_ref().map(|workload| {
            let right = self.expected.as_deref().filter(|it| it != image);
            let right = right.unwrap_or("IMAGE");
            format!("kubectl -n {namespace} set image {workload} {container}={right}")
        });
        let load = setup
            .load(image)
            // Without this the node tries again only after minutes.
            .map(|load| format!("{load} && kubectl -n {namespace} delete pod {pod}"));
        match (load, correct) {
            (Some(load), Some(correct)) if !super::setup::is_ours(image) => {
                tr!(lang, "cli-image-load-fix", correct, load)
            }
            (Some(load), _) => load,
            (None, Some(correct)) => tr!(lang, "cli-image-push-fix", correct, image),
            (None, None) => format!("kubectl -n {namespace} describe pod {pod}"),
        }
    }
}

/// What made the pod, as `deployment/NAME`.
fn workload(pod: &Pod) -> Option<String> {
    let owner = pod.owner_references().first()?;
    match owner.kind.as_str() {
        "ReplicaSet" => {
            let hash = pod.labels().get("pod-template-hash")?;
            let name = owner.name.strip_suffix(hash)?.strip_suffix('-')?;
            Some(format!("deployment/{name}"))
        }
        kind => Some(format!("{}/{}", kind.to_lowercase(), owner.name)),
    }
}
