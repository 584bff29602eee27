//! `dashboard`: the operator's dashboard on a local port, through the API server's port-forward. Each connection has its
//! own forward, so that the port keeps working after a restart of a pod or an API server, or a laptop's sleep. Where the
//! dashboard has a login, each request gets the user's token.

use crate::cluster::dial::{Stream, is_ready, named_port};
use crate::cluster::login::Login;
use crate::cluster::operator::{self, LABELS, Operator};
use crate::cluster::{Cluster, no_answer};
use crate::text::lang::{Lang, tr};
use anyhow::{Context, anyhow, bail};
use decide::foreign;
use http::header::{AUTHORIZATION, HOST, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Either, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{client, server};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use std::io::{ErrorKind, IsTerminal};
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::copy_bidirectional;
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
        args.open(cluster, &format!("http://localhost:{}", local_port(lang)?))?;
        return Ok(true);
    }
    let mut tunnel = Tunnel::find(cluster).await?;
    let what = tr!(lang, "cli-dashboard-operator");
    let (pod, stream) = out.wait(&what, tunnel.open()).await?;
    if send(stream, "/", None).await?.0 != StatusCode::UNAUTHORIZED {
        tunnel.login = None;
    }
    let listener = listen(lang, args.port).await?;
    let port = listener.local_addr()?.port();
    args.open(cluster, &format!("http://localhost:{port}"))?;
    out.info(&tr!(lang, "cli-dashboard-forwarding", pod));
    let tunnel = Arc::new(Tunnel {
        last: Mutex::new(pod),
        ..tunnel
    });
    loop {
        let accepted = listener.accept().await;
        let (browser, _) = accepted.with_context(|| tr!(lang, "cli-dashboard-no-accept"))?;
        tokio::spawn(Arc::clone(&tunnel).forward(browser));
    }
}

/// Listens on the given port, or else on the default one, or else on a free one.
async fn listen(lang: Lang, port: Option<u16>) -> anyhow::Result<TcpListener> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    match (bind(port.unwrap_or(PORT)).await, port) {
        (Ok(listener), _) => Ok(listener),
        (Err(error), None) if error.kind() == ErrorKind::AddrInUse => Ok(bind(0).await?),
        (Err(error), port) => {
            let port = port.unwrap_or(PORT);
            Err(anyhow!(tr!(lang, "cli-dashboard-no-listen", port, error)))
        }
    }
}

/// The body of a GET request to the operator's dashboard, sent with the user's token only where it is required.
pub async fn get(cluster: &Cluster, path: &str) -> anyhow::Result<Bytes> {
    let tunnel = Tunnel::find(cluster).await?;
    let (mut status, mut body) = send(tunnel.open().await?.1, path, None).await?;
    if status == StatusCode::UNAUTHORIZED
        && let Some(login) = &tunnel.login
    {
        let token = login.header().await?;
        (status, body) = send(tunnel.open().await?.1, path, Some(token)).await?;
    }
    if !status.is_success() {
        let text = foreign(&String::from_utf8_lossy(&body), 200);
        bail!("{path}: HTTP {status}: {text}");
    }
    Ok(body)
}

/// Sends a GET request.
async fn send(
    stream: Box<dyn Stream>,
    path: &str,
    token: Option<HeaderValue>,
) -> anyhow::Result<(StatusCode, Bytes)> {
    let stream = TokioIo::new(stream);
    let (mut sender, connection) = client::conn::http1::handshake(stream).await?;
    let connection = tokio::spawn(connection);
    let mut request = Request::get(path).header(HOST, "localhost");
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, token);
    }
    let request = request.body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    connection.abort();
    Ok((status, body))
}

/// Passes on the requests of a browser, each with the user's token, until the browser closes its connection or the dashboard
/// does not answer.
async fn relay(browser: TcpStream, dashboard: Box<dyn Stream>, login: &Login) {
    let dashboard = client::conn::http1::handshake(TokioIo::new(dashboard)).await;
    let Ok((sender, connection)) = dashboard else {
        return;
    };
    let connection = tokio::spawn(connection);
    let sender = tokio::sync::Mutex::new(sender);
    let pass_on = |mut request: Request<Incoming>| {
        let sender = &sender;
        async move {
            let token = match login.header().await {
                Ok(token) => token,
                Err(error) => {
                    let text = Bytes::from(format!("{error:#}\n"));
                    let mut response = Response::new(Either::Right(Full::new(text)));
                    *response.status_mut() = StatusCode::UNAUTHORIZED;
                    return hyper::Result::Ok(response);
                }
            };
            request.headers_mut().insert(AUTHORIZATION, token);
            let response = sender.lock().await.send_request(request).await?;
            Ok(response.map(Either::Left))
        }
    };
    let server = server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(browser), service_fn(pass_on));
    // When the dashboard closes its connection the browser still gets the rest of the answer, and an error with the next request.
    let _ = server.await;
    connection.abort();
}

/// Opens connections to the operator's dashboard.
struct Tunnel {
    cluster: Cluster,
    namespace: String,
    /// How to log in, where that is possible.
    login: Option<Login>,
    /// The pod of the last connection; empty after an error. A change is printed.
    last: Mutex<String>,
}

impl Tunnel {
    async fn find(cluster: &Cluster) -> anyhow::Result<Self> {
        let lang = cluster.out.lang;
        let tunnel = |namespace, login| Self {
            cluster: cluster.clone(),
            namespace,
            login,
            last: Mutex::default(),
        };
        if cluster.local {
            return Ok(tunnel(String::new(), None));
        }
        match operator::find(cluster).await? {
            Operator::Found {
                namespace, name, ..
            } => {
                let login = Login::new(cluster, &namespace, &name);
                Ok(tunnel(namespace, Some(login)))
            }
            Operator::NotInstalled => bail!(tr!(lang, "cli-dashboard-not-installed")),
            Operator::Unknown => bail!(tr!(lang, "cli-dashboard-no-operator")),
        }
    }

    /// Opens a stream to the dashboard; with the name of its pod.
    async fn open(&self) -> anyhow::Result<(String, Box<dyn Stream>)> {
        let lang = self.cluster.out.lang;
        if self.cluster.local {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, local_port(lang)?)).await;
            let stream = stream.with_context(|| tr!(lang, "cli-dashboard-local-silent"))?;
            return Ok(("local".to_owned(), Box::new(stream)));
        }
        let (namespace, labels) = (&self.namespace, LABELS);
        let pods: Api<Pod> = Api::namespaced(self.cluster.client.clone(), namespace);
        let list = pods.list(&ListParams::default().labels(labels)).await;
        let list = list.map_err(|error| {
            let doing = tr!(lang, "cli-doing-find-operator-pod");
            self.cluster.describe_error(&doing, &error)
        })?;
        let pod = list.iter().find(|pod| is_ready(pod));
        let pod =
            pod.with_context(|| tr!(lang, "cli-dashboard-no-ready-pod", namespace, labels))?;
        let name = pod.name_any();
        let port = named_port(pod, "dashboard");
        let port = port.with_context(|| tr!(lang, "cli-dashboard-disabled", namespace))?;
        let forward = pods.portforward(&name, &[port]).await;
        let mut forward = forward.map_err(|error| {
            let doing = tr!(lang, "cli-doing-forward-dashboard", name);
            self.cluster.describe_error(&doing, &error)
        })?;
        let stream = forward
            .take_stream(port)
            .with_context(|| tr!(lang, "cli-api-no-stream", pod = name))?;
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
                    match &self.login {
                        Some(login) => relay(browser, stream, login).await,
                        None => drop(copy_bidirectional(&mut browser, &mut stream).await),
                    }
                    return;
                }
                Ok(Err(error)) => self.log_change(Err(&format!("{error:#}"))),
                Err(_) => {
                    let silence = no_answer(self.cluster.out.lang, CONNECT_TIMEOUT);
                    self.log_change(Err(&silence));
                }
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
fn local_port(lang: Lang) -> anyhow::Result<u16> {
    let info = local::cluster_info()?;
    let info = info.with_context(|| tr!(lang, "cli-local-none"))?;
    Ok(info.dashboard)
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
