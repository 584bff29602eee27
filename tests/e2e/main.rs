//! End to end, on whichever cluster KUBECONFIG names: chart, operator, workers, plugin and Redis as a stranger has
//! them. Nothing here knows whether that is kind or tests/cluster; the images localhost/…:dev are on its nodes.

mod absence;
mod outage;
mod quiet;
mod refusals;
mod story;
mod world;
