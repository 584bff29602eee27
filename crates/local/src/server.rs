//! The stand-in API server: who asks, for what, and which verb answers.

use super::kind::{DEFINITIONS, Id, Kind, OLD_EVENTS, PODS, Path, discovery};
use super::select::{Query, Selector};
use super::store::{Store, second};
use super::table;
use crate::admission::admit;
use crate::error::ApiError;
use crate::managed_fields;
use crate::managed_fields::Writer;
use crate::watch::{Show, watch};
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// The largest request.
const MOST: usize = 4 << 20;

/// All that a request needs.
pub struct Server {
    pub store: Arc<Store>,
    /// Begins the path of each request of people; who does not know it gets nothing, whatever port he finds.
    pub secret: String,
    /// The same for the operator, whose requests keep nobody awake.
    pub operator_secret: String,
    /// Where the pods' logs lie.
    pub logs: PathBuf,
    /// Ends it all.
    pub stop: CancellationToken,
    asked: Mutex<(Instant, usize)>,
}

/// What is asked of one object.
struct Call<'a> {
    path: &'a Path,
    manager: String,
    force: bool,
    kind: &'a str,
    body: Value,
}

/// A request of a person that is under way.
struct Guest<'a>(&'a Server);

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        let mut asked = self.0.asked.lock().unwrap_or_else(PoisonError::into_inner);
        *asked = (Instant::now(), asked.1 - 1);
    }
}

impl Server {
    pub fn new(
        store: Arc<Store>,
        secrets: (String, String),
        logs: PathBuf,
        stop: CancellationToken,
    ) -> Self {
        let asked = Mutex::new((Instant::now(), 0));
        Self {
            store,
            secret: secrets.0,
            operator_secret: secrets.1,
            logs,
            stop,
            asked,
        }
    }

    /// How long nobody has asked for anything.
    pub fn idle(&self) -> Duration {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.1 > 0 {
            Duration::ZERO
        } else {
            asked.0.elapsed()
        }
    }

    fn guest(&self) -> Guest<'_> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).1 += 1;
        Guest(self)
    }

    async fn call(self: &Arc<Self>, request: Request) -> Result<Response, ApiError> {
        let (head, body) = request.into_parts();
        let (secret, path) = head
            .uri
            .path()
            .trim_start_matches('/')
            .split_once('/')
            .unwrap_or_default();
        let mine = secret == self.secret;
        if !mine && secret != self.operator_secret {
            return Err(ApiError::new(401, "Unauthorized", "Unauthorized"));
        }
        let _guest = mine.then(|| self.guest());
        let query = axum::extract::Query::<Query>::try_from_uri(&head.uri)
            .map(|query| query.0)
            .unwrap_or_default();
        let bytes = to_bytes(body, MOST).await.map_err(|error| bad(&error))?;
        if let Some(answer) = self.fixed(&head.method, path, &bytes) {
            return Ok(answer);
        }
        let path = Path::read(path)?;
        let text = |name: header::HeaderName| {
            head.headers
                .get(name)
                .and_then(|it| it.to_str().ok())
                .unwrap_or_default()
        };
        let table = text(header::ACCEPT).contains("as=Table");
        if head.method == Method::GET {
            return self.read(&path, &query, table).await;
        }
        let kind = text(header::CONTENT_TYPE)
            .split(';')
            .next()
            .unwrap_or_default();
        let body = if bytes.is_empty() {
            json!({})
        } else {
            parse(&bytes)?
        };
        let call = Call {
            path: &path,
            manager: manager(&query, &head.headers),
            force: query.contains_key("force"),
            kind,
            body,
        };
        match (head.method, &path.name) {
            (Method::POST, None) => {
                Ok((StatusCode::CREATED, Json(&*self.create(call)?)).into_response())
            }
            (Method::PUT | Method::PATCH, Some(name)) => {
                let object = self.change(&call, &path.id(name))?;
                let scale = path.part.as_deref() == Some("scale");
                Ok(Json(if scale {
                    scale_of(&object)?
                } else {
                    (*object).clone()
                })
                .into_response())
            }
            (Method::DELETE, Some(name)) => {
                Ok(Json(self.delete(&path.id(name), path.kind, &call.body)?).into_response())
            }
            _ => Err(ApiError::new(
                405,
                "MethodNotAllowed",
                "the server does not allow this method on the requested resource",
            )),
        }
    }

    /// What is always the same.
    fn fixed(&self, method: &Method, path: &str, body: &[u8]) -> Option<Response> {
        let yes =
            |user: &str| json!({"allowed": true, "userInfo": {"username": user, "groups": []}});
        Some(match (method.as_str(), path) {
            ("GET", "version") => {
                let version = format!("v1.35.0-local+workerpool{}", env!("CARGO_PKG_VERSION"));
                Json(json!({"major": "1", "minor": "35", "gitVersion": version, "platform": std::env::consts::OS,
                    "gitCommit": "", "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": ""}))
                .into_response()
            }
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
                review["status"] = yes("you");
                (StatusCode::CREATED, Json(review)).into_response()
            }
            ("GET", path) => Json(discovery(path)?).into_response(),
            _ => return None,
        })
    }

    async fn read(&self, path: &Path, query: &Query, table: bool) -> Result<Response, ApiError> {
        let kind = path.kind;
        let show: Show = Arc::new(move |object| shown(kind, object));
        let Some(name) = &path.name else {
            if query
                .get("watch")
                .is_some_and(|it| it == "true" || it == "1")
            {
                let show: Show = if table {
                    Arc::new(move |it| table::table(kind, &[shown(kind, it)], 0))
                } else {
                    show
                };
                let body = watch(&self.store, path, query, show);
                return Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response());
            }
            let selector = Selector::new(query);
            let (version, objects) = self.store.list(kind, &path.namespace);
            let items: Vec<Value> = objects
                .iter()
                .map(|it| show(it))
                .filter(|it| selector.takes(it))
                .collect();
            return Ok(Json(if table { table::table(kind, &items, version) } else { json!({
                "kind": format!("{}List", kind.name), "apiVersion": kind.api_version(), "metadata": {"resourceVersion": version.to_string()}, "items": items,
            })}).into_response());
        };
        let missing = || ApiError::missing(kind.plural, name);
        let object = definition(path, name)
            .or_else(|| self.store.get(&path.id(name)))
            .ok_or_else(missing)?;
        match path.part.as_deref() {
            None | Some("status") if table => {
                Ok(Json(table::table(kind, &[show(&object)], 0)).into_response())
            }
            None | Some("status") => Ok(Json(show(&object)).into_response()),
            Some("scale") => Ok(Json(scale_of(&object)?).into_response()),
            Some("log") => self.log(name, query).await,
            Some(_) => Err(missing()),
        }
    }

    async fn log(&self, pod: &str, query: &Query) -> Result<Response, ApiError> {
        let file = self.logs.join(format!("{pod}.log"));
        let text = tokio::fs::read_to_string(&file).await.unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = query
            .get("tailLines")
            .and_then(|text| text.parse().ok())
            .unwrap_or(lines.len());
        let lines = &lines[lines.len().saturating_sub(tail)..];
        Ok((lines.join("\n") + "\n").into_response())
    }

    fn create(
        &self,
        Call {
            path,
            manager,
            body,
            ..
        }: Call<'_>,
    ) -> Result<Arc<Value>, ApiError> {
        let text = |key: &str| body["metadata"][key].as_str().map(str::to_owned);
        let name = text("name").or_else(|| {
            text("generateName").map(|stem| format!("{stem}{:05x}", fastrand::u32(..)))
        });
        let name = name.ok_or_else(|| bad(&"metadata.name is missing"))?;
        let api_version = path.kind.api_version();
        self.store.write(&path.id(&name), |old| {
            if old.is_some() {
                return Err(ApiError::new(
                    409,
                    "AlreadyExists",
                    format!("{} \"{name}\" already exists", path.kind.plural),
                ));
            }
            let mut object = admit(path.kind, body)?;
            let writer = Writer {
                manager: &manager,
                part: "",
                api_version: &api_version,
            };
            managed_fields::updated(&json!({}), &mut object, writer);
            Ok(object)
        })
    }

    fn change(&self, call: &Call<'_>, id: &Id) -> Result<Arc<Value>, ApiError> {
        let Call {
            path: Path { kind, part, .. },
            manager,
            force,
            kind: content,
            body,
        } = call;
        let part = part.as_deref().unwrap_or_default();
        let api_version = kind.api_version();
        let writer = Writer {
            manager,
            part,
            api_version: &api_version,
        };
        // Each part of an object is written by its own path, and the others stay as they are.
        let mut patch = match part {
            "" => body.clone(),
            "scale" => json!({"spec": {"replicas": body["spec"]["replicas"]}}),
            _ => json!({"status": body["status"]}),
        };
        if let Some(whole) = patch.as_object_mut().filter(|_| part.is_empty()) {
            whole.remove("status");
        }
        if let Some(meta) = patch.get_mut("metadata").and_then(Value::as_object_mut) {
            meta.retain(|key, _| {
                !["managedFields", "creationTimestamp", "uid", "generation"].contains(&key.as_str())
            });
        }
        self.store.write(id, |old| {
            let applies = *content == "application/apply-patch+yaml";
            let fresh = json!({"metadata": {"name": id.name}});
            let old = match old {
                Some(old) => old,
                None if applies && part.is_empty() => &fresh,
                None => return Err(ApiError::missing(kind.plural, &id.name)),
            };
            let mut new = old.clone();
            match *content {
                "application/apply-patch+yaml" => {
                    return admit(kind, managed_fields::apply(old, &patch, writer, *force)?);
                }
                "application/strategic-merge-patch+json" => {
                    managed_fields::merge_by_name(&mut new, &patch)
                }
                "application/json" if part.is_empty() => {
                    new = patch;
                    new["status"] = old["status"].clone();
                    new["metadata"]["managedFields"] = old["metadata"]["managedFields"].clone();
                }
                "application/merge-patch+json" | "application/json" => {
                    managed_fields::merge(&mut new, &patch)
                }
                other => {
                    return Err(ApiError::new(
                        415,
                        "UnsupportedMediaType",
                        format!("a local cluster takes no {other}"),
                    ));
                }
            }
            let mut new = admit(kind, new)?;
            managed_fields::updated(old, &mut new, writer);
            Ok(new)
        })
    }

    fn delete(&self, id: &Id, kind: &'static Kind, options: &Value) -> Result<Value, ApiError> {
        let missing = || ApiError::missing(kind.plural, &id.name);
        if *kind != PODS {
            return self
                .store
                .delete(id)
                .map(|object| (*object).clone())
                .ok_or_else(missing);
        }
        // A pod goes when its process has.
        let grace = options["gracePeriodSeconds"].as_i64();
        self.store
            .write(id, |pod| Ok(mark_deleted(pod.ok_or_else(missing)?, grace)))
            .map(|pod| (*pod).clone())
    }
}

/// A pod that was told to go, within `grace` seconds or the time that it says itself.
pub fn mark_deleted(pod: &Value, grace: Option<i64>) -> Value {
    let mut pod = pod.clone();
    let own = pod["spec"]["terminationGracePeriodSeconds"]
        .as_i64()
        .unwrap_or(30);
    let grace = grace.unwrap_or(own).max(0);
    if pod["metadata"]["deletionTimestamp"].is_null() || grace < own {
        pod["metadata"]["deletionTimestamp"] =
            json!(second(Timestamp::now() + SignedDuration::from_secs(grace)));
        pod["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
    }
    pod
}

/// The one definition there is, which nobody can change.
fn definition(path: &Path, name: &str) -> Option<Arc<Value>> {
    let ours = *path.kind == DEFINITIONS && name == format!("workerpools.{}", api::GROUP);
    ours.then(|| serde_json::to_value(api::crd()).ok().map(Arc::new))
        .flatten()
}

/// Answers one request.
pub async fn answer(State(server): State<Arc<Server>>, request: Request) -> Response<Body> {
    server.call(request).await.into_response()
}

fn parse(bytes: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(bytes)
        .or_else(|_| serde_saphyr::from_slice(bytes))
        .map_err(|error| bad(&error))
}

fn bad(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::new(400, "BadRequest", error.to_string())
}

/// The name under which fields are owned: as said, else the program's.
fn manager(query: &Query, headers: &HeaderMap) -> String {
    let program = headers
        .get(header::USER_AGENT)
        .and_then(|it| it.to_str().ok())
        .and_then(|it| it.split('/').next());
    query
        .get("fieldManager")
        .map(String::as_str)
        .or(program)
        .unwrap_or("unknown")
        .to_owned()
}

/// The scale of an object.
fn scale_of(object: &Value) -> Result<Value, ApiError> {
    let replicas = object["spec"]["replicas"].as_i64();
    let replicas = replicas.ok_or_else(|| {
        ApiError::new(
            500,
            "InternalError",
            "Internal error occurred: the spec replicas field \".spec.replicas\" does not exist",
        )
    })?;
    let labels = object["spec"]["selector"]["matchLabels"].as_object();
    let labels = labels.map(|all| {
        all.iter()
            .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
            .collect::<Vec<_>>()
            .join(",")
    });
    let selector = labels.or_else(|| object["status"]["selector"].as_str().map(str::to_owned));
    let meta = &object["metadata"];
    Ok(json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"], "resourceVersion": meta["resourceVersion"], "creationTimestamp": meta["creationTimestamp"]},
        "spec": {"replicas": replicas}, "status": {"replicas": object["status"]["replicas"].as_i64().unwrap_or(0), "selector": selector},
    }))
}

/// The object as who asked knows its kind.
fn shown(kind: &'static Kind, object: &Value) -> Value {
    let mut object = object.clone();
    object["apiVersion"] = json!(kind.api_version());
    object["kind"] = json!(kind.name);
    if *kind == OLD_EVENTS {
        let at = object["eventTime"].clone();
        object["involvedObject"] = object["regarding"].take();
        object["message"] = object["note"].take();
        object["source"] = json!({"component": object["reportingController"]});
        object["reportingComponent"] = object["reportingController"].clone();
        object["firstTimestamp"] = object["metadata"]["creationTimestamp"].clone();
        object["lastTimestamp"] = object["firstTimestamp"].clone();
        object["eventTime"] = at;
        object["count"] = json!(1);
    }
    object
}
