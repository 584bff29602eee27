//! The commands that start a cluster, install the chart and load images, as this user can type them: from a clone of the
//! repository, from the class kit, or with helm alone.

use crate::cluster::Cluster;
use crate::cluster::operator::Release;
use crate::text::lang::{Lang, tr};
use std::path::{Path, PathBuf};

/// The version of this program, which is also that of the chart and its images.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The name of the kind cluster that the repository and the kit make.
pub(super) const KIND: &str = "workerpool";
/// The context of that cluster.
pub(super) const KIND_CONTEXT: &str = "kind-workerpool";
/// The API server of `make cluster-up`.
const OWN_SERVER: &str = "https://10.99.0.1:6443";

/// What kind of cluster this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Platform {
    /// A kind cluster of this name.
    Kind(String),
    /// The cluster of `make cluster-up`.
    Own,
    /// Processes on this machine.
    Local,
    /// Any other.
    Other,
}

/// Where this user has WorkerPool from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Clone(PathBuf),
    Kit(PathBuf),
    Unknown,
}

/// What commands fit here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setup {
    pub(super) platform: Platform,
    source: Source,
    lang: Lang,
}

impl Setup {
    /// The commands for this cluster.
    pub(super) fn of(cluster: &Cluster) -> Self {
        let platform = if cluster.local {
            Platform::Local
        } else if let Some(name) = cluster.context.strip_prefix("kind-") {
            Platform::Kind(name.to_owned())
        } else if cluster.server == OWN_SERVER {
            Platform::Own
        } else {
            Platform::Other
        };
        Self {
            platform,
            ..Self::without_cluster(cluster.out.lang)
        }
    }

    /// The commands where there is no cluster yet.
    pub(super) fn without_cluster(lang: Lang) -> Self {
        Self {
            platform: Platform::Other,
            source: Source::find(),
            lang,
        }
    }

    /// Starts a cluster if there is none, and installs operator, Redis, workers and a pool.
    pub(super) fn everything(&self) -> String {
        match &self.source {
            Source::Clone(_) if self.platform == Platform::Own => self.make("demo ON=cluster"),
            Source::Clone(_) => self.make("demo"),
            Source::Kit(_) => self.class_up(),
            Source::Unknown => tr!(self.lang, "cli-setup-demo"),
        }
    }

    /// Installs the operator.
    pub(super) fn install(&self) -> String {
        match self.platform {
            Platform::Local => "kubectl workerpool stop --local".into(),
            Platform::Kind(_) | Platform::Own if self.is_demo_cluster() => self.everything(),
            _ => format!(
                "helm upgrade --install workerpool {} --namespace workerpool-system --create-namespace",
                self.chart()
            ),
        }
    }

    /// Brings an installed operator, and its API, to the version of this program.
    pub(super) fn upgrade(&self, release: Option<&Release>) -> String {
        match release {
            Some(Release { name, namespace }) => format!(
                "helm upgrade {name} {} --namespace {namespace} --reset-then-reuse-values",
                self.chart()
            ),
            None => format!(
                "kubectl apply --server-side --force-conflicts -f {}",
                self.file("manifests/install.yaml")
            ),
        }
    }

    /// Installs the API alone.
    pub(super) fn definition(&self) -> String {
        format!(
            "kubectl apply --server-side --force-conflicts -f {}/crds/workerpools.yaml",
            self.chart()
        )
    }

    /// Makes Redis, workers and a pool beside a running operator.
    pub(super) fn pool(&self, namespace: &str) -> String {
        let [redis, pool] =
            ["manifests/redis-and-worker.yaml", "manifests/demo.yaml"].map(|name| self.file(name));
        format!("kubectl -n {namespace} apply -f {redis} -f {pool}")
    }

    /// Loads an image into the nodes; `None` if only a registry can provide it.
    pub(super) fn load(&self, image: &str) -> Option<String> {
        let built_here = is_ours(image) && self.is_demo_cluster();
        match (&self.platform, &self.source) {
            (Platform::Kind(_), Source::Clone(_)) if built_here => Some(self.make("kind-load")),
            (Platform::Kind(_), Source::Kit(_)) if built_here => Some(self.class_up()),
            (Platform::Kind(name), _) => {
                Some(format!("kind load docker-image {image} --name {name}"))
            }
            (Platform::Own, _) if built_here => Some(self.make("cluster-load")),
            (Platform::Own, _) => Some("tests/cluster/cluster load IMAGE.tar".into()),
            _ => None,
        }
    }

    /// Starts the cluster that does not answer.
    pub(super) fn restart(&self) -> Option<String> {
        match (&self.platform, &self.source) {
            (Platform::Kind(name), Source::Clone(_)) if name == KIND => Some(self.make("kind-up")),
            (Platform::Kind(name), Source::Kit(_)) if name == KIND => Some(self.class_up()),
            (Platform::Kind(name), _) => Some(format!("docker start {name}-control-plane")),
            (Platform::Own, _) => Some(self.make("cluster-up")),
            (Platform::Local, _) => Some("kubectl workerpool stop --local".into()),
            (Platform::Other, _) => None,
        }
    }

    /// Installs the program kind.
    pub(super) fn install_kind(&self) -> String {
        match self.source {
            Source::Clone(_) => self.make("install-tools ON=kind"),
            _ => "go install sigs.k8s.io/kind@latest".into(),
        }
    }

    /// Puts another port of this machine into the configuration of the kind cluster.
    pub(super) fn change_port(&self, port: u16, other: u16) -> String {
        let file = self.file("kind-config.yaml");
        format!("sed -i.bak 's/hostPort: {port}/hostPort: {other}/' {file}")
    }

    /// Whether this is a cluster that `make demo` or the kit made and may change.
    fn is_demo_cluster(&self) -> bool {
        match &self.platform {
            Platform::Kind(name) => name == KIND,
            Platform::Own => true,
            _ => false,
        }
    }

    fn make(&self, target: &str) -> String {
        match &self.source {
            Source::Clone(root) if !is_here(root) => format!("make -C {} {target}", quoted(root)),
            _ => format!("make {target}"),
        }
    }

    fn class_up(&self) -> String {
        match &self.source {
            Source::Kit(root) if !is_here(root) => format!("{} up", quoted(&root.join("class"))),
            _ => "./class up".into(),
        }
    }

    fn chart(&self) -> String {
        match &self.source {
            Source::Kit(root) if !root.join("charts/workerpool").is_dir() => self.file("chart"),
            _ => self.file("charts/workerpool"),
        }
    }

    /// A file of the repository or the kit.
    fn file(&self, name: &str) -> String {
        match &self.source {
            Source::Clone(root) | Source::Kit(root) if !is_here(root) => quoted(&root.join(name)),
            _ => name.to_owned(),
        }
    }
}

impl Source {
    /// Looks around the working directory, then around this program.
    fn find() -> Self {
        let program = std::env::current_exe().and_then(|path| path.canonicalize());
        let starts = [std::env::current_dir().ok(), program.ok()];
        let mut directories = starts.iter().flatten().flat_map(|start| start.ancestors());
        directories.find_map(Self::at).unwrap_or(Self::Unknown)
    }

    fn at(directory: &Path) -> Option<Self> {
        let has = |name: &str| directory.join(name).exists();
        if has("charts/workerpool/Chart.yaml") && has("Makefile") {
            Some(Self::Clone(directory.to_owned()))
        } else if has("class") && has("kind-config.yaml") {
            Some(Self::Kit(directory.to_owned()))
        } else {
            None
        }
    }
}

/// Whether this is an image of ours in the version of this program.
pub(super) fn is_ours(image: &str) -> bool {
    let (path, tag) = image.rsplit_once(':').unwrap_or((image, ""));
    let name = path.rsplit('/').next().unwrap_or_default();
    tag == VERSION
        && [
            "workerpool-operator",
            "workerpool-worker",
            "workerpool-redis",
        ]
        .contains(&name)
}

fn is_here(directory: &Path) -> bool {
    std::env::current_dir().is_ok_and(|here| here == directory)
}

/// A path as a shell reads it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+~".contains(c);
    if text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPERATOR: &str = "ghcr.io/workerpool-dev/workerpool-operator:";

    fn setup(platform: Platform, source: Source) -> Setup {
        Setup {
            platform,
            source,
            lang: Lang::EN,
        }
    }

    fn kind(name: &str) -> Platform {
        Platform::Kind(name.into())
    }

    fn clone() -> Source {
        Source::Clone("/src/worker pool".into())
    }

    fn kit() -> Source {
        Source::Kit("/kit".into())
    }

    #[rstest::rstest]
    #[case(
        kind("workerpool"),
        clone(),
        Some("make -C '/src/worker pool' kind-load")
    )]
    #[case(kind("workerpool"), kit(), Some("/kit/class up"))]
    #[case(
        kind("other"),
        kit(),
        Some("kind load docker-image IMAGE --name other")
    )]
    #[case(
        Platform::Own,
        clone(),
        Some("make -C '/src/worker pool' cluster-load")
    )]
    #[case(Platform::Other, clone(), None)]
    fn loads_images_of_this_version(
        #[case] platform: Platform,
        #[case] source: Source,
        #[case] command: Option<&str>,
    ) {
        let image = format!("{OPERATOR}{VERSION}");
        let load = setup(platform, source).load(&image);
        assert_eq!(
            load.map(|it| it.replace(&image, "IMAGE")).as_deref(),
            command
        );
    }

    #[test]
    fn make_does_not_load_another_version() {
        let image = format!("{OPERATOR}9.9.9");
        let load = setup(kind("workerpool"), clone()).load(&image);
        assert_eq!(
            load,
            Some(format!("kind load docker-image {image} --name workerpool"))
        );
    }

    #[rstest::rstest]
    #[case(kind("workerpool"), kit(), "/kit/class up")]
    #[case(Platform::Own, clone(), "make -C '/src/worker pool' demo ON=cluster")]
    #[case(
        kind("other"),
        Source::Unknown,
        "helm upgrade --install workerpool charts/workerpool --namespace workerpool-system --create-namespace"
    )]
    fn installs_as_fits_the_cluster(
        #[case] platform: Platform,
        #[case] source: Source,
        #[case] command: &str,
    ) {
        assert_eq!(setup(platform, source).install(), command);
    }

    #[test]
    fn upgrades_the_release_as_found() {
        let release = Release {
            name: "ops".into(),
            namespace: "tools".into(),
        };
        assert_eq!(
            setup(Platform::Other, kit()).upgrade(Some(&release)),
            "helm upgrade ops /kit/chart --namespace tools --reset-then-reuse-values"
        );
    }

    #[test]
    fn finds_a_clone_and_a_kit() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = directory.path();
        assert_eq!(Source::at(at), None);
        for name in ["class", "kind-config.yaml"] {
            std::fs::write(at.join(name), "").expect("a file");
        }
        assert_eq!(Source::at(at), Some(Source::Kit(at.into())));
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        assert_eq!(Source::at(root), Some(Source::Clone(root.into())));
    }
}
