//! The stand-in API server: authenticates a request, and routes it by path and verb.

use crate::cluster_info::ClusterInfo;
use crate::error::ApiError;
use crate::kind::{CORE_EVENTS, DEFINITIONS, Kind, Path, discovery};
use crate::openapi::document;
use crate::scale::scale_of;
use crate::select::{Query, Selector, is_true};
use crate::store::Store;
use crate::table;
use crate::watch::{Render, watch};
use crate::writes::{WriteRequest, delete};
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// The largest request body, in bytes.
const MAX_BODY: usize = 4 << 20;

pub struct Server {
    store: Arc<Store>,
    /// Its secrets are what a client puts before the path of its requests. A client without one gets nothing, even if it
    /// finds the port, and requests of the operator do not keep the cluster running.
    info: ClusterInfo,
    /// Directory of the pods' logs.
    logs: PathBuf,
    /// Stops the cluster.
    stop: CancellationToken,
    activity: Mutex<Activity>,
}

/// The requests from people.
struct Activity {
    active: usize,
    last_ended: Instant,
}

/// A request from a person, until it is dropped.
pub struct ActiveRequest<'a>(&'a Server);

impl Drop for ActiveRequest<'_> {
    fn drop(&mut self) {
        let mut activity = self.0.activity();
        activity.active -= 1;
        activity.last_ended = Instant::now();
    }
}

impl Server {
    pub fn new(
        store: Arc<Store>,
        info: ClusterInfo,
        logs: PathBuf,
        stop: CancellationToken,
    ) -> Self {
        let activity = Activity {
            active: 0,
            last_ended: Instant::now(),
        };
        Self {
            store,
            info,
            logs,
            stop,
            activity: Mutex::new(activity),
        }
    }

    fn activity(&self) -> MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long there has been no request from a person.
    pub fn idle(&self) -> Duration {
        let activity = self.activity();
        if activity.active > 0 {
            Duration::ZERO
        } else {
            activity.last_ended.elapsed()
        }
    }

    /// The server is not idle until the result is dropped.
    pub fn begin_request(&self) -> ActiveRequest<'_> {
        self.activity().active += 1;
        ActiveRequest(self)
    }

    async fn respond(self: &Arc<Self>, request: Request) -> Result<Response, ApiError> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().trim_start_matches('/');
        let (secret, path) = path.split_once('/').unwrap_or_default();
        let from_user = secret == self.info.secret;
        if !from_user && secret != self.info.operator_secret {
            return Err(ApiError::new(401, "Unauthorized", "Unauthorized"));
        }
        let _active = from_user.then(|| self.begin_request());
        let query = axum::extract::Query::<Query>::try_from_uri(&head.uri);
        let query = query.map(|query| query.0).unwrap_or_default();
        let body = to_bytes(body, MAX_BODY).await;
        let body = body.map_err(|error| bad_request(&error))?;
        if let Some(response) = self.fixed_response(&head, (secret, path), &body) {
            return Ok(response);
        }
        let path = Path::parse(path)?;
        if head.method == Method::GET {
            let as_table = header_text(&head.headers, &header::ACCEPT).contains("as=Table");
            return self.read(&path, &query, as_table).await;
        }
        self.write(&head, &path, &query, &body)
    }

    fn write(
        &self,
        head: &Parts,
        path: &Path,
        query: &Query,
        body: &[u8],
    ) -> Result<Response, ApiError> {
        let content_type = header_text(&head.headers, &header::CONTENT_TYPE);
        let body = match body {
            [] => json!({}),
            body => parse(body)?,
        };
        let request = WriteRequest {
            path,
            manager: field_manager(query, &head.headers),
            force: query.contains_key("force"),
            content_type: content_type.split(';').next().unwrap_or_default(),
            body,
        };
        match (&head.method, &path.name) {
            (&Method::POST, None) => {
                let object = request.create(&self.store)?;
                Ok((StatusCode::CREATED, Json(&*object)).into_response())
            }
            (&Method::PUT | &Method::PATCH, Some(name)) => {
                let object = request.change(&self.store, &path.id(name))?;
                if path.subresource.as_deref() == Some("scale") {
                    return Ok(Json(scale_of(&object)?).into_response());
                }
                Ok(Json(&*object).into_response())
            }
            (&Method::DELETE, Some(name)) => {
                let object = delete(&self.store, &path.id(name), path.kind, &request.body)?;
                Ok(Json(&*object).into_response())
            }
            _ => Err(ApiError::new(
                405,
                "MethodNotAllowed",
                "the server does not allow this method on the requested resource",
            )),
        }
    }

    /// The responses that do not depend on the stored objects.
    fn fixed_response(
        &self,
        head: &Parts,
        (secret, path): (&str, &str),
        body: &[u8],
    ) -> Option<Response> {
        Some(match (head.method.as_str(), path) {
            ("GET", "version") => Json(json!({
                "major": "1", "minor": "35",
                "gitVersion": format!("v1.35.0-local+workerpool{}", env!("CARGO_PKG_VERSION")),
                "platform": std::env::consts::OS,
                "gitCommit": "", "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "",
            }))
            .into_response(),
            ("GET", "healthz" | "readyz" | "livez") => "ok".into_response(),
            ("POST", "stop") => {
                self.stop.cancel();
                StatusCode::ACCEPTED.into_response()
            }
            (
                "POST",
                "apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
                | "apis/authentication.k8s.io/v1/selfsubjectreviews",
            ) => {
                let mut review = parse(body).ok()?;
                review["status"] =
                    json!({"allowed": true, "userInfo": {"username": "you", "groups": []}});
                (StatusCode::CREATED, Json(review)).into_response()
            }
            ("GET", path) => Json(discovery(path).or_else(|| document(path, secret))?).into_response(),
            _ => return None,
        })
    }

    async fn read(&self, path: &Path, query: &Query, as_table: bool) -> Result<Response, ApiError> {
        let kind = path.kind;
        let Some(name) = &path.name else {
            return Ok(if is_true(query, "watch") {
                self.watch(path, query, as_table)
            } else {
                self.list(path, query, as_table)
            });
        };
        let not_found = || ApiError::not_found(kind.plural, name);
        let object = definition(path, name)
            .or_else(|| self.store.get(&path.id(name)))
            .ok_or_else(not_found)?;
        match path.subresource.as_deref() {
            None | Some("status") => {
                let object = renderer(kind, as_table)(&object);
                Ok(Json(object).into_response())
            }
            Some("scale") => Ok(Json(scale_of(&object)?).into_response()),
            Some("log") => self.log(name, query).await,
            Some(_) => Err(not_found()),
        }
    }

    fn watch(&self, path: &Path, query: &Query, as_table: bool) -> Response {
        let body = watch(&self.store, path, query, renderer(path.kind, as_table));
        ([(header::CONTENT_TYPE, "application/json")], body).into_response()
    }

    fn list(&self, path: &Path, query: &Query, as_table: bool) -> Response {
        let kind = path.kind;
        let selector = Selector::new(query);
        let (version, objects) = self.store.list(kind, &path.namespace);
        let items = objects.iter().map(|object| render(kind, object));
        let items: Vec<Value> = items.filter(|it| selector.matches(it)).collect();
        Json(if as_table {
            table::table(kind, &items, version)
        } else {
            json!({
                "kind": format!("{}List", kind.name), "apiVersion": kind.api_version(),
                "metadata": {"resourceVersion": version.to_string()}, "items": items,
            })
        })
        .into_response()
    }

    async fn log(&self, pod: &str, query: &Query) -> Result<Response, ApiError> {
        let file = self.logs.join(format!("{pod}.log"));
        let text = tokio::fs::read_to_string(&file).await.unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = query.get("tailLines").and_then(|text| text.parse().ok());
        let tail = tail.unwrap_or(lines.len());
        let lines = &lines[lines.len().saturating_sub(tail)..];
        Ok((lines.join("\n") + "\n").into_response())
    }
}

/// The axum handler of every request.
pub async fn handle(State(server): State<Arc<Server>>, request: Request) -> Response<Body> {
    server.respond(request).await.into_response()
}

/// The CRD of `WorkerPool`, which is the only definition and is read-only.
fn definition(path: &Path, name: &str) -> Option<Arc<Value>> {
    if *path.kind != DEFINITIONS || name != format!("workerpools.{}", api::GROUP) {
        return None;
    }
    serde_json::to_value(api::crd()).ok().map(Arc::new)
}

fn parse(bytes: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(bytes)
        .or_else(|_| serde_saphyr::from_slice(bytes))
        .map_err(|error| bad_request(&error))
}

fn bad_request(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::new(400, "BadRequest", error.to_string())
}

fn header_text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> &'a str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

/// The manager that owns the written fields: the query parameter, or else the name of the client program.
fn field_manager(query: &Query, headers: &HeaderMap) -> String {
    let program = headers.get(header::USER_AGENT);
    let program = program.and_then(|value| value.to_str().ok()?.split('/').next());
    let named = query.get("fieldManager").map(String::as_str);
    named.or(program).unwrap_or("unknown").to_owned()
}

/// What turns a stored object of `kind` into the form that the client asked for.
fn renderer(kind: &'static Kind, as_table: bool) -> Render {
    if as_table {
        Arc::new(move |object| table::table(kind, &[render(kind, object)], 0))
    } else {
        Arc::new(move |object| render(kind, object))
    }
}

/// The object in the version of its kind that the client asked for: core events have other fields than those of
/// `events.k8s.io`, which are stored.
fn render(kind: &'static Kind, object: &Value) -> Value {
    let mut object = object.clone();
    object["apiVersion"] = json!(kind.api_version());
    object["kind"] = json!(kind.name);
    if *kind == CORE_EVENTS {
        object["involvedObject"] = object["regarding"].take();
        object["message"] = object["note"].take();
        object["source"] = json!({"component": object["reportingController"]});
        object["reportingComponent"] = object["reportingController"].clone();
        object["firstTimestamp"] = object["metadata"]["creationTimestamp"].clone();
        object["lastTimestamp"] = object["firstTimestamp"].clone();
        object["count"] = json!(1);
    }
    object
}
