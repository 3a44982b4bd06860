//! Files that are copied into a container before it starts.
//!
//! Copied, not mounted: the app cannot write through to them, and an engine on another machine has them too.

use std::io;
use std::path::Path;

use testcontainers::bollard::body_full;
use testcontainers::bollard::query_parameters::UploadToContainerOptionsBuilder;
use tokio_tar::Builder;

use super::error::ContainerError;
use super::ground::{Ground, refused};
use super::spec::{ContainerSpec, FileIn};

/// Copies what `spec` says into the container with this id.
pub(super) async fn copy(ground: &Ground, id: &str, spec: &ContainerSpec) -> Result<(), ContainerError> {
    if spec.files.is_empty() {
        return Ok(());
    }
    let mut archive = Builder::new(Vec::new());
    for file in &spec.files {
        append(&mut archive, file).await.map_err(|cause| ContainerError::File {
            container: spec.name.clone(),
            path: file.from.clone(),
            cause,
        })?;
    }
    let written = archive.into_inner().await;
    let bytes =
        written.map_err(|cause| ContainerError::Write { what: "pack files for a container", cause })?;
    let options = UploadToContainerOptionsBuilder::default().path("/").build();
    let docker = &ground.engine().docker;
    docker
        .upload_to_container(id, Some(options), body_full(bytes.into()))
        .await
        .map_err(|error| refused(format!("copy files into `{}`", spec.name), &error))
}

async fn append(archive: &mut Builder<Vec<u8>>, file: &FileIn) -> io::Result<()> {
    let to = Path::new(file.to.trim_start_matches('/'));
    if tokio::fs::metadata(&file.from).await?.is_dir() {
        archive.append_dir_all(to, &file.from).await
    } else {
        archive.append_path_with_name(&file.from, to).await
    }
}
