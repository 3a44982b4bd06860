//! A compose file as a run starts it: under a name of the run's own, with labels, and with what the app is told. Pure.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::error::ContainerError;
use super::spec::{Mount, Published};

/// What `docker compose config` says of a file, so that nothing in it is relative or short any more.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Composed {
    pub(super) file: String,
    pub(super) config: Value,
}

/// What is changed in it.
#[derive(Debug)]
pub(super) struct Change<'a> {
    /// The project's name.
    pub(super) project: &'a str,
    /// The service that is the app.
    pub(super) service: &'a str,
    pub(super) labels: &'a HashMap<String, String>,
    /// The network on whose address we listen.
    pub(super) network: &'a str,
    pub(super) published: Published,
    pub(super) env: &'a [(String, String)],
    pub(super) hosts: &'a [(String, String)],
    pub(super) mounts: &'a [Mount],
}

impl Composed {
    /// The port on which a service listens: the first that it publishes or exposes.
    pub(super) fn port(&self, service: &str) -> Result<u16, ContainerError> {
        let found = self.service(service)?;
        let first = |key: &str| found.get(key).and_then(Value::as_array).and_then(|list| list.first());
        let published = first("ports").and_then(|port| port.get("target")).and_then(Value::as_u64);
        let exposed = || first("expose")?.as_str()?.split('/').next()?.parse::<u64>().ok();
        let port = published.or_else(exposed).and_then(|port| u16::try_from(port).ok());
        port.ok_or_else(|| ContainerError::NoPort { file: self.file.clone(), service: service.to_owned() })
    }

    fn service(&self, name: &str) -> Result<&Value, ContainerError> {
        let services = self.config.get("services").and_then(Value::as_object);
        services.and_then(|services| services.get(name)).ok_or_else(|| ContainerError::NoService {
            file: self.file.clone(),
            service: name.to_owned(),
            known: services
                .into_iter()
                .flat_map(Map::keys)
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", "),
        })
    }

    /// The file to be started.
    pub(super) fn changed(&self, change: &Change<'_>) -> Result<Value, ContainerError> {
        self.service(change.service)?;
        let mut config = self.config.clone();
        put(&mut config, "name", json!(change.project));
        for (_, service) in entries(&mut config, "services") {
            add(service, "labels", &labels(change));
            // Its name would be taken where another run of this project goes on.
            remove(service, "container_name");
            if service.get("build").is_some_and(Value::is_object)
                && let Some(build) = service.get_mut("build")
            {
                add(build, "labels", &labels(change));
            }
        }
        for kind in ["networks", "volumes"] {
            for (key, thing) in entries(&mut config, kind) {
                if thing.is_null() {
                    *thing = json!({});
                }
                if thing.get("external").and_then(Value::as_bool) != Some(true) {
                    put(thing, "name", json!(format!("{}_{key}", change.project)));
                    add(thing, "labels", &labels(change));
                }
            }
        }
        for (name, service) in entries(&mut config, "services") {
            if name == change.service {
                change_app(service, change);
            }
        }
        let ours = json!({ OURS: { "external": true, "name": change.network } });
        add(&mut config, "networks", &ours);
        Ok(config)
    }
}

/// What the file calls the network of the run.
const OURS: &str = "paydrill";

fn change_app(service: &mut Value, change: &Change<'_>) {
    // A `$` stands for a variable in a compose file.
    let env = change.env.iter().map(|(name, value)| (name.clone(), json!(value.replace('$', "$$"))));
    add(service, "environment", &Value::Object(env.collect()));
    let published = change.published;
    put(
        service,
        "ports",
        json!([{
            "target": published.inside,
            "published": published.outside.to_string(),
            "host_ip": "127.0.0.1",
            "protocol": "tcp",
            "mode": "ingress",
        }]),
    );
    // Its end is ours to notice.
    put(service, "restart", json!("no"));
    remove(service, "deploy");
    if service.get("networks").is_none_or(Value::is_null) {
        put(service, "networks", json!({ "default": {} }));
    }
    add(service, "networks", &json!({ OURS: {} }));
    for (name, address) in change.hosts {
        append(service, "extra_hosts", json!(format!("{name}={address}")));
    }
    for mount in change.mounts {
        let bind = json!({
            "type": "bind", "source": mount.from, "target": mount.to, "read_only": mount.read_only,
        });
        append(service, "volumes", bind);
    }
}

fn labels(change: &Change<'_>) -> Value {
    change.labels.iter().map(|(key, value)| (key.clone(), json!(value))).collect::<Map<_, _>>().into()
}

fn entries<'a>(config: &'a mut Value, key: &str) -> impl Iterator<Item = (&'a String, &'a mut Value)> {
    config.get_mut(key).and_then(Value::as_object_mut).into_iter().flatten()
}

fn put(table: &mut Value, key: &str, value: Value) {
    if let Some(table) = table.as_object_mut() {
        table.insert(key.to_owned(), value);
    }
}

fn remove(table: &mut Value, key: &str) {
    if let Some(table) = table.as_object_mut() {
        table.remove(key);
    }
}

/// Adds the entries of a table to that of a key.
fn add(table: &mut Value, key: &str, more: &Value) {
    let mut all = table.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
    all.extend(more.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
    put(table, key, Value::Object(all));
}

/// Adds an item to the list of a key.
fn append(table: &mut Value, key: &str, item: Value) {
    let mut all = table.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    all.push(item);
    put(table, key, Value::Array(all));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn composed() -> Composed {
        let config = json!({
            "name": "shop",
            "services": {
                "app": {
                    "image": "app", "container_name": "app", "restart": "always", "networks": { "default": null },
                    "environment": { "A": "1", "B": "2" },
                    "ports": [{ "target": 8080, "published": "8080" }],
                },
                "db": {
                    "image": "db", "expose": ["5432/tcp"], "networks": { "back": null },
                    "ports": [{ "target": 5432, "published": "15432" }],
                },
                "idle": { "image": "db" },
            },
            "networks": { "default": { "name": "shop_default" }, "back": null },
            "volumes": { "data": { "name": "mine" }, "theirs": { "name": "theirs", "external": true } },
        });
        Composed { file: "compose.yaml".to_owned(), config }
    }

    #[test]
    fn everything_has_our_labels_and_names_and_the_app_is_told() {
        let labels = HashMap::from([("paydrill.run".to_owned(), "r".to_owned())]);
        let change = Change {
            project: "paydrill-r-1",
            service: "app",
            labels: &labels,
            network: "paydrill-r",
            published: Published { inside: 8080, outside: 4567 },
            env: &[("B".to_owned(), "3$".to_owned())],
            hosts: &[("host.docker.internal".to_owned(), "172.18.0.1".to_owned())],
            mounts: &[],
        };
        let changed = composed().changed(&change).unwrap();
        let label = json!({ "paydrill.run": "r" });
        let expected = json!({
            "name": "paydrill-r-1",
            "services": {
                "app": {
                    "image": "app", "restart": "no", "networks": { "default": null, "paydrill": {} },
                    "environment": { "A": "1", "B": "3$$" },
                    "ports": [{
                        "target": 8080, "published": "4567", "host_ip": "127.0.0.1", "protocol": "tcp",
                        "mode": "ingress",
                    }],
                    "labels": label, "extra_hosts": ["host.docker.internal=172.18.0.1"],
                },
                "db": {
                    "image": "db", "expose": ["5432/tcp"], "networks": { "back": null }, "labels": label,
                    "ports": [{ "target": 5432, "published": "15432" }],
                },
                "idle": { "image": "db", "labels": label },
            },
            "networks": {
                "default": { "name": "paydrill-r-1_default", "labels": label },
                "back": { "name": "paydrill-r-1_back", "labels": label },
                "paydrill": { "external": true, "name": "paydrill-r" },
            },
            "volumes": {
                "data": { "name": "paydrill-r-1_data", "labels": label },
                "theirs": { "name": "theirs", "external": true },
            },
        });
        assert_eq!(changed, expected);
    }

    #[rstest::rstest]
    #[case("app", Ok(8080))]
    #[case("db", Ok(5432))]
    #[case("idle", Err("port"))]
    #[case("web", Err("no service `web`"))]
    fn the_port_is_the_first_that_the_file_tells(#[case] service: &str, #[case] expected: Result<u16, &str>) {
        match (composed().port(service), expected) {
            (Ok(port), Ok(expected)) => assert_eq!(port, expected),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (found, expected) => panic!("{found:?}, not {expected:?}"),
        }
    }
}
