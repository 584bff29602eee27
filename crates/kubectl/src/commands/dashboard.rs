//! `dashboard`: the operator's dashboard on a local port, through the API server's port-forward. Each connection has its
//! own forward, so that the port keeps working after a restart of a pod or an API server, or a laptop's sleep.

use crate::cluster::Cluster;
use crate::cluster::operator::{self, LABELS, Operator};
use crate::cluster::redis::{is_ready, named_port};
use crate::text::lang::tr;
use anyhow::{Context, anyhow, bail};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use std::io::{ErrorKind, IsTerminal};
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};

/// The default local port.
const PORT: u16 = 8000;
/// The time limit to open one forward.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection of the browser waits for a ready pod.
const RECONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause between two attempts.
const RETRY_PAUSE: Duration = Duration::from_millis(300);

/// Where to open the dashboard.
#[derive(Clone, Debug, clap::Args)]
pub struct DashboardArgs {
    /// The local port [default: 8000, or a free one if 8000 is taken]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Print the address without opening a browser
    #[arg(long)]
    no_open: bool,
}

impl DashboardArgs {
    /// Prints the address, and opens it in the browser if standard output is a terminal.
    fn open(&self, cluster: &Cluster, url: &str) -> anyhow::Result<()> {
        cluster.out.data(url)?;
        if !self.no_open && std::io::stdout().is_terminal() {
            open_browser(url);
        }
        Ok(())
    }
}

/// Forwards until interrupted. The dashboard of the local cluster needs a forward only for another `--port`.
pub async fn run(cluster: &Cluster, args: DashboardArgs) -> anyhow::Result<bool> {
    let (out, lang) = (&cluster.out, cluster.out.lang);
    if cluster.local && args.port.is_none() {
        args.open(cluster, &format!("http://localhost:{}", local_port()?))?;
        return Ok(true);
    }
    let tunnel = Tunnel::find(cluster).await?;
    let pod = cluster
        .out
        .wait(&tr!(lang, "cli-dashboard-operator"), tunnel.open())
        .await?
        .0;
    let listener = listen(args.port).await?;
    args.open(
        cluster,
        &format!("http://localhost:{}", listener.local_addr()?.port()),
    )?;
    out.info(&tr!(lang, "cli-dashboard-forwarding", pod));
    let tunnel = Arc::new(Tunnel {
        last: Mutex::new(pod),
        ..tunnel
    });
    loop {
        let (browser, _) = listener
            .accept()
            .await
            .context("cannot accept connections on the port")?;
        tokio::spawn(Arc::clone(&tunnel).forward(browser));
    }
}

/// Listens on the given port, or else on the default one, or else on a free one.
async fn listen(port: Option<u16>) -> anyhow::Result<TcpListener> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    match (bind(port.unwrap_or(PORT)).await, port) {
        (Ok(listener), _) => Ok(listener),
        (Err(error), None) if error.kind() == ErrorKind::AddrInUse => Ok(bind(0).await?),
        (Err(error), port) => {
            let port = port.unwrap_or(PORT);
            Err(anyhow!(
                "cannot listen on local port {port} ({error}): choose another with --port"
            ))
        }
    }
}

/// Opens a stream to the operator's dashboard.
pub async fn connect(cluster: &Cluster) -> anyhow::Result<Box<dyn Stream>> {
    Ok(Tunnel::find(cluster).await?.open().await?.1)
}

/// A byte stream in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Opens connections to the operator's dashboard.
struct Tunnel {
    cluster: Cluster,
    pods: Api<Pod>,
    namespace: String,
    /// The pod of the last connection; empty after an error. A change is printed.
    last: Mutex<String>,
}

impl Tunnel {
    async fn find(cluster: &Cluster) -> anyhow::Result<Self> {
        if cluster.local {
            return Ok(Self {
                cluster: cluster.clone(),
                pods: Api::default_namespaced(cluster.client.clone()),
                namespace: String::new(),
                last: Mutex::default(),
            });
        }
        match operator::find(cluster).await? {
            Operator::Found { namespace, .. } => Ok(Self {
                cluster: cluster.clone(),
                pods: Api::namespaced(cluster.client.clone(), &namespace),
                namespace,
                last: Mutex::default(),
            }),
            Operator::NotInstalled => bail!(
                "this cluster has no operator and no dashboard: install them with `helm install workerpool charts/workerpool`, or use `kubectl workerpool dashboard --local`"
            ),
            Operator::Unknown => {
                bail!("no operator in a namespace that you may read; set its namespace with -n")
            }
        }
    }

    /// Opens a stream to the dashboard; with the name of its pod.
    async fn open(&self) -> anyhow::Result<(String, Box<dyn Stream>)> {
        if self.cluster.local {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, local_port()?)).await;
            return Ok((
                "local".to_owned(),
                Box::new(stream.context("cannot connect to the dashboard of the local operator")?),
            ));
        }
        let namespace = &self.namespace;
        let list = self.pods.list(&ListParams::default().labels(LABELS)).await;
        let list = list.map_err(|error| {
            self.cluster
                .describe_error("looking for the operator's pod", &error)
        })?;
        let pod = list.iter().find(|pod| is_ready(pod)).with_context(|| {
            format!(
                "no pod of the operator is ready: see `kubectl -n {namespace} get pods -l {LABELS}`"
            )
        })?;
        let name = pod.name_any();
        let port = named_port(pod, "dashboard").with_context(|| {
            format!("the operator in {namespace} serves no dashboard: install it with --set dashboard.enabled=true")
        })?;
        let mut forward = self
            .pods
            .portforward(&name, &[port])
            .await
            .map_err(|error| {
                self.cluster.describe_error(
                    &format!("forwarding to pod {name}, which needs create on pods/portforward"),
                    &error,
                )
            })?;
        let stream = forward
            .take_stream(port)
            .with_context(|| format!("the API server opened no stream to pod {name}"))?;
        Ok((name, Box::new(stream)))
    }

    /// Forwards one connection of the browser until it ends; first waits until a pod is ready.
    async fn forward(self: Arc<Self>, mut browser: TcpStream) {
        let end = Instant::now() + RECONNECT_TIMEOUT;
        while Instant::now() < end {
            match timeout(CONNECT_TIMEOUT, self.open()).await {
                Ok(Ok((pod, mut stream))) => {
                    self.log_change(Ok(&pod));
                    // It ends when either side closes it; the page then opens another one.
                    let _ = copy_bidirectional(&mut browser, &mut stream).await;
                    return;
                }
                Ok(Err(error)) => self.log_change(Err(&format!("{error:#}"))),
                Err(_) => self.log_change(Err("the API server does not answer")),
            }
            sleep(RETRY_PAUSE).await;
        }
    }

    /// Prints the pod or the error if it differs from the last connection's.
    fn log_change(&self, result: Result<&str, &str>) {
        let (out, lang) = (&self.cluster.out, self.cluster.out.lang);
        let pod = result.unwrap_or_default();
        let Ok(mut last) = self.last.lock() else {
            return;
        };
        if *last == pod {
            return;
        }
        pod.clone_into(&mut last);
        out.info(&match result {
            Ok(pod) => tr!(lang, "cli-dashboard-connected", pod),
            Err(error) => tr!(lang, "cli-dashboard-retrying", error),
        });
    }
}

/// The port of the local operator's dashboard.
fn local_port() -> anyhow::Result<u16> {
    let info = local::cluster_info()?;
    Ok(info.context("the local cluster has stopped")?.dashboard)
}

/// Opens a URL in the browser; ignores an error, since the URL is printed.
fn open_browser(url: &str) {
    let (program, args): (_, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("cmd", &["/C", "start"])
    } else {
        ("xdg-open", &[])
    };
    let _ = Command::new(program)
        .args(args)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
}
