//! `dashboard`: the operator's page on a port of this machine, through the API server's port-forward. Each connection is
//! forwarded anew, so that it outlives pods, API servers and a laptop's sleep.

use crate::cluster::Cluster;
use crate::cluster::operator;
use crate::cluster::operator::{LABELS, Operator};
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

/// Where people look for it.
const PORT: u16 = 8000;
/// How long one forward may take to open, and how long a browser's connection waits for a pod.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const RECONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(300);

/// Where it is shown.
#[derive(Clone, Debug, clap::Args)]
pub struct DashboardArgs {
    /// The port on this machine [default: 8000, or a free one when it is taken]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Print the address, and leave the browser alone
    #[arg(long)]
    no_open: bool,
}

impl DashboardArgs {
    /// Says where the page is, and shows it to who sits at a terminal.
    fn show(&self, cluster: &Cluster, url: &str) -> anyhow::Result<()> {
        cluster.out.data(url)?;
        if !self.no_open && std::io::stdout().is_terminal() {
            open_page(url);
        }
        Ok(())
    }
}

/// Forwards until interrupted; on the local cluster, whose page is on this machine already, only to a port that is asked for.
pub async fn run(cluster: &Cluster, place: DashboardArgs) -> anyhow::Result<bool> {
    let (out, lang) = (&cluster.out, cluster.out.lang);
    if cluster.local && place.port.is_none() {
        place.show(cluster, &format!("http://localhost:{}", local_port()?))?;
        return Ok(true);
    }
    let way = Box::pin(Tunnel::find(cluster)).await?;
    let pod = cluster
        .out
        .wait(
            &tr!(lang, "the operator's page", "la página del operador"),
            way.open(),
        )
        .await?
        .0;
    let listener = listen(place.port).await?;
    place.show(
        cluster,
        &format!("http://localhost:{}", listener.local_addr()?.port()),
    )?;
    out.info(&tr!(
        lang,
        "The dashboard of pod {pod}, until Ctrl-C. It comes back by itself when the pod or the API server does.",
        "El panel del pod {pod}, hasta Ctrl-C. Vuelve solo cuando vuelven el pod o el servidor API."
    ));
    let way = Arc::new(Tunnel {
        last: Mutex::new(pod),
        ..way
    });
    loop {
        let (browser, _) = listener.accept().await.context("the port was taken away")?;
        tokio::spawn(Arc::clone(&way).forward(browser));
    }
}

/// The port that was asked for, or else the usual one or any.
async fn listen(port: Option<u16>) -> anyhow::Result<TcpListener> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    match (bind(port.unwrap_or(PORT)).await, port) {
        (Ok(listener), _) => Ok(listener),
        (Err(error), None) if error.kind() == ErrorKind::AddrInUse => Ok(bind(0).await?),
        (Err(error), port) => {
            let port = port.unwrap_or(PORT);
            Err(anyhow!(
                "cannot listen on port {port} of this machine ({error}): choose another with --port"
            ))
        }
    }
}

/// A stream to the operator's page.
pub async fn connect(cluster: &Cluster) -> anyhow::Result<Box<dyn Stream>> {
    Ok(Tunnel::find(cluster).await?.open().await?.1)
}

/// Bytes to and from a page.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// The way to the operator's page.
struct Tunnel {
    cluster: Cluster,
    pods: Api<Pod>,
    namespace: String,
    /// The pod that answered last: another one is told.
    last: Mutex<String>,
}

impl Tunnel {
    async fn find(cluster: &Cluster) -> anyhow::Result<Self> {
        if cluster.local {
            let (pods, namespace) = (
                Api::default_namespaced(cluster.client.clone()),
                String::new(),
            );
            return Ok(Self {
                cluster: cluster.clone(),
                pods,
                namespace,
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
            Operator::Nowhere => bail!(
                "this cluster has no operator, and so no dashboard: `helm install workerpool charts/workerpool`, or `kubectl workerpool dashboard --local`"
            ),
            Operator::Unseen => {
                bail!(
                    "no operator in a namespace that you may look into; name its namespace with -n"
                )
            }
        }
    }

    /// A stream to the page, and whose it is.
    async fn open(&self) -> anyhow::Result<(String, Box<dyn Stream>)> {
        if self.cluster.local {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, local_port()?)).await;
            return Ok((
                "local".to_owned(),
                Box::new(stream.context("the local operator's page")?),
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
            .with_context(|| format!("the API server forwards no stream to pod {name}"))?;
        Ok((name, Box::new(stream)))
    }

    /// One connection of the browser, for as long as it lasts. Until a pod is ready it waits.
    async fn forward(self: Arc<Self>, mut browser: TcpStream) {
        let end = Instant::now() + RECONNECT_TIMEOUT;
        while Instant::now() < end {
            match timeout(CONNECT_TIMEOUT, self.open()).await {
                Ok(Ok((pod, mut stream))) => {
                    self.log_change(Ok(&pod));
                    // Whichever side goes away first ends it; the page opens another one.
                    let _ = copy_bidirectional(&mut browser, &mut stream).await;
                    return;
                }
                Ok(Err(error)) => self.log_change(Err(&format!("{error:#}"))),
                Err(_) => self.log_change(Err("the API server does not answer")),
            }
            sleep(PAUSE).await;
        }
    }

    /// Tells what has changed since the last connection.
    fn log_change(&self, found: Result<&str, &str>) {
        let (out, lang) = (&self.cluster.out, self.cluster.out.lang);
        let now = found.unwrap_or_default();
        let Ok(mut last) = self.last.lock() else {
            return;
        };
        if *last == now {
            return;
        }
        now.clone_into(&mut last);
        out.info(&match found {
            Ok(pod) => tr!(lang, "connected to pod {pod}", "conectado con el pod {pod}"),
            Err(why) => tr!(lang, "{why}; trying again …", "{why}; reintentando …"),
        });
    }
}

/// Where the local operator serves its page.
fn local_port() -> anyhow::Result<u16> {
    let record = local::cluster_info()?;
    Ok(record
        .context("there is no local cluster any more")?
        .dashboard)
}

/// Asks the desktop to show a page. Where there is none the address is on the screen anyway.
fn open_page(url: &str) {
    let (program, first): (_, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("cmd", &["/C", "start"])
    } else {
        ("xdg-open", &[])
    };
    let _ = Command::new(program)
        .args(first)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
}
