//! Apps in containers: what is started, and what does not go with it.

use super::catalog::{text, texts};
use super::target::{env, ready};
use crate::project::document::{
    BuildDocument, ClockDocument, ComposeDocument, ContainerDocument, DeployShaDocument, FileInDocument,
    TargetDocument,
};
use crate::project::model::{Compose, Container, FileIn, ImageSource};
use crate::scenario::code::Code;
use crate::scenario::decode::{Field, Map, Problems};
use crate::scenario::diagnostic::Diagnostic;

/// Containers; `None` after saying why there are none.
pub(super) fn containers(
    document: &Field<Map<ContainerDocument>>,
    problems: &mut Problems,
) -> Option<Vec<Container>> {
    let Some((name, first)) = document.iter().next() else {
        problems.missing(&document.key.range, "`target.container`", "web");
        return None;
    };
    if !first.has("port") {
        problems.push(
            Diagnostic::error(Code::MissingKey, format!("container `{name}` needs the key `port`"))
                .at(&first.key)
                .label("the first container takes deliveries")
                .help("say where it listens inside: port = 8080, which it is told as {{ target.port }}"),
        );
    }
    Some(document.iter().filter_map(|(name, field)| container(name, field, problems)).collect())
}

fn container(name: &str, field: &Field<ContainerDocument>, problems: &mut Problems) -> Option<Container> {
    check_name(name, field, problems);
    let instances = field.instances.as_ref().map_or(1, |instances| instances.get());
    if let Some(publish) = field.publish.as_ref().filter(|_| instances > 1) {
        problems.push(
            Diagnostic::error(Code::ExclusiveKeys, "several instances cannot share a fixed port")
                .at(&publish.key)
                .label("leave it out: each is given a free one"),
        );
    }
    if let Some(publish) = field.publish.as_ref().filter(|_| !field.has("port")) {
        problems.push(
            Diagnostic::error(Code::MissingKey, "`publish` needs the key `port`")
                .at(&publish.key)
                .label("which port of the container is published?"),
        );
    }
    let files = field.files.iter().flat_map(|files| files.iter());
    let files = files.filter_map(|file| file_in(&file.value, problems)).collect();
    Some(Container {
        name: name.to_owned(),
        image: match (&field.image, &field.build) {
            (Some(image), _) => ImageSource::Named(image.value.clone()),
            (None, Some(build)) => built(build),
            (None, None) => return None,
        },
        entrypoint: field.entrypoint.as_ref().map(|entrypoint| texts(Some(entrypoint))),
        command: texts(field.command.as_ref()),
        port: field.port.as_ref().map(|port| port.get()),
        publish: field.publish.as_ref().map(|port| port.get()),
        instances,
        env: env(field.env.as_ref()),
        files,
        user: text(field.user.as_ref()),
        memory: field.memory.as_ref().map(|memory| memory.0),
        millicpus: field.cpus.as_ref().map(|cpus| cpus.0),
        ready: field.ready.as_ref().and_then(|document| ready(document, problems)),
        place: field.key.clone(),
    })
}

/// The others call it so, as a host.
fn check_name(name: &str, field: &Field<ContainerDocument>, problems: &mut Problems) {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(fits) {
        return;
    }
    problems.push(
        Diagnostic::error(Code::OutOfRange, format!("`{name}` is no name of a container"))
            .at(&field.key)
            .label("the other containers call it so: letters, digits and `-`"),
    );
}

fn built(document: &BuildDocument) -> ImageSource {
    ImageSource::Built {
        context: text(document.context.as_ref()).unwrap_or_else(|| ".".to_owned()),
        dockerfile: text(document.dockerfile.as_ref()),
        args: env(document.args.as_ref()),
        target: text(document.target.as_ref()),
    }
}

fn file_in(document: &FileInDocument, problems: &mut Problems) -> Option<FileIn> {
    let (from, to) = (document.from.as_ref()?, document.to.as_ref()?);
    if !to.starts_with('/') {
        problems.push(
            Diagnostic::error(Code::OutOfRange, format!("`{}` is no path in a container", to.value))
                .at(&to.place)
                .label("write it from the root: \"/etc/app/config.toml\""),
        );
    }
    Some(FileIn { from: from.value.clone(), to: to.value.clone() })
}

/// The service of a compose file; `None` after saying why.
pub(super) fn compose(document: &Field<ComposeDocument>, problems: &mut Problems) -> Option<Compose> {
    Some(Compose {
        file: document.file.as_ref()?.value.clone(),
        service: document.service.as_ref()?.value.clone(),
        port: document.port.as_ref().map(|port| port.get()),
        publish: document.publish.as_ref().map(|port| port.get()),
        ready: document.ready.as_ref().and_then(|document| ready(document, problems)),
        place: document.key.clone(),
    })
}

/// The network that is joined. Only containers have networks; those of a compose file are told there.
pub(super) fn network(document: &TargetDocument, problems: &mut Problems) -> Option<String> {
    let network = document.network.as_ref()?;
    if document.container.is_none() {
        problems.push(
            Diagnostic::error(Code::ExclusiveKeys, "`network` goes with `container`")
                .at(&network.key)
                .label("there is no container of ours to join it"),
        );
    }
    Some(network.value.clone())
}

/// Only an image has labels.
pub(super) fn label_of_an_image(document: &TargetDocument, sha: &DeployShaDocument, problems: &mut Problems) {
    let Some(label) = &sha.label else { return };
    if document.container.is_none() && document.compose.is_none() {
        problems.push(
            Diagnostic::error(Code::ExclusiveKeys, "`deploy_sha.label` goes with `container` or `compose`")
                .at(&label.key)
                .label("an image has labels, and there is none"),
        );
    }
}

/// The library is on this machine, and not in the image.
pub(super) fn no_faketime(document: &TargetDocument, clock: &Field<ClockDocument>, problems: &mut Problems) {
    if document.container.is_none() && document.compose.is_none() {
        return;
    }
    problems.push(
        Diagnostic::error(Code::ExclusiveKeys, "`faketime` does not go with containers")
            .at(&clock.place)
            .label("the library is on this machine, and not in the image")
            .help("let the app offer a call that sets its clock: target.clock = { http = { … } }"),
    );
}
