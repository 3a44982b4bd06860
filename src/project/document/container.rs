//! The keys for apps in containers.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::ReadyDocument;
use crate::scenario::decode::{Decode, List, Map, Number, Problems, Text, document};
use crate::scenario::tree::{Kind, Node};

document! {
    /// a container
    pub(crate) struct ContainerDocument one_of(image, build), {
        /// An image, pulled where it is not on the machine.
        image: Text,
        /// An image that is built first, by `docker build`.
        build: BuildDocument,
        /// Instead of the image's entrypoint.
        entrypoint: List<Text>,
        /// Instead of the image's command.
        command: List<Text>,
        /// The port that it listens on, inside. `{{ target.port }}` is the first container's; `{{ target.url }}`, where we reach it, is a port of 127.0.0.1. A container that does not listen needs none.
        port: Number<1, 65_535>,
        /// The port of 127.0.0.1 where we reach it; left out, a free one.
        publish: Number<1, 65_535>,
        /// How many of it run beside each other: `web`, `web#2`. Deliveries go to those of the first container in turn; requests and probes to its first.
        instances: Number<1, 16>,
        /// Environment variables for this container only.
        env: Map<Text>,
        /// Files and folders that are copied into it before it starts.
        files: List<FileInDocument>,
        /// Who runs it: `1000:1000`; left out, whom the image says.
        user: Text,
        /// The most memory that it may use: `256MB`. More, and the engine kills it.
        memory: Size,
        /// How many processors it may use: `0.5`.
        cpus: Millicpus,
        /// When it counts as up.
        ready: ReadyDocument,
    }

    /// `build`
    pub(crate) struct BuildDocument {
        /// The folder that is sent to the engine, below the project's; left out, the project's.
        context: Text,
        /// The Dockerfile, below the project's folder; left out, the one in `context`.
        dockerfile: Text,
        /// Arguments of the build.
        args: Map<Text>,
        /// The stage that is built; left out, the last.
        target: Text,
    }

    /// a file for a container
    pub(crate) struct FileInDocument requires(from, to), {
        /// A file or folder, below the project's.
        from: Text,
        /// Where it is in the container: `/etc/app/config.toml`.
        to: Text,
    }

    /// `target.compose`
    pub(crate) struct ComposeDocument requires(file, service), {
        /// The compose file, below the project's folder.
        file: Text,
        /// The service that is the app: deliveries, requests and probes go there.
        service: Text,
        /// The port that it listens on, inside; left out, the first of its `ports` or `expose`.
        port: Number<1, 65_535>,
        /// The port of 127.0.0.1 where we reach it; left out, a free one. What the file publishes is not published.
        publish: Number<1, 65_535>,
        /// When it counts as up; left out, when it accepts connections and the health checks of all services hold.
        ready: ReadyDocument,
    }
}

/// An amount of memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

/// The units of memory, as the engine takes them.
const UNITS: [(&str, u64); 3] = [("KB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30)];
/// The engine starts nothing with less.
const LEAST: u64 = 6 << 20;

impl Decode for Size {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Kind::String(text) = &node.kind else {
            problems.wrong_type(node, "an amount such as \"256MB\"");
            return None;
        };
        let read = UNITS.iter().find_map(|(unit, bytes)| {
            text.trim().strip_suffix(unit)?.trim_end().parse::<u64>().ok()?.checked_mul(*bytes)
        });
        match read {
            Some(bytes) if bytes >= LEAST => Some(Self(bytes)),
            Some(_) => {
                problems.out_of_range(
                    node,
                    format!("`{text}` is less than a container can have"),
                    "at least 6MB",
                );
                None
            }
            None => {
                let message = format!("`{text}` is no amount of memory");
                problems.out_of_range(node, message, "expected a whole number of KB, MB or GB: \"256MB\"");
                None
            }
        }
    }
}

impl JsonSchema for Size {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^ *[0-9]+ *(KB|MB|GB) *$" })
    }
}

/// A share of processors, in thousandths of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Millicpus(pub(crate) u32);

impl Decode for Millicpus {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        let cpus = match node.kind {
            Kind::Float(number) => number,
            // No machine has so many that this is not exact.
            Kind::Integer(number) => i32::try_from(number).map_or(f64::MAX, f64::from),
            _ => {
                problems.wrong_type(node, "a number such as 0.5");
                return None;
            }
        };
        let thousandths = (cpus * 1_000.0).round();
        if !(10.0..=1_024_000.0).contains(&thousandths) {
            problems.out_of_range(node, format!("{cpus} is out of range"), "from 0.01 to 1024");
            return None;
        }
        // In range, as was just looked at.
        Some(Self(thousandths as u32))
    }
}

impl JsonSchema for Millicpus {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Cpus".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0.01, "maximum": 1024 })
    }
}
