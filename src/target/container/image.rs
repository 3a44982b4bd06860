//! Images: found on the machine, or pulled.

use std::collections::HashMap;

use testcontainers::bollard::models::ImageInspect;
use testcontainers::core::error::ClientError;
use testcontainers::runners::AsyncRunner;
use testcontainers::{GenericImage, TestcontainersError};

use super::engine::Engine;
use super::error::{ContainerError, said, status};
use super::ground::refused;

/// An image that is on the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// What containers are made of: `sha256:…`.
    pub id: String,
    /// Its labels.
    pub labels: HashMap<String, String>,
    /// It says when it is healthy.
    pub has_health_check: bool,
}

impl Engine {
    /// The image of this name; pulled, with the user's credentials, where it is not on the machine.
    ///
    /// # Errors
    /// It cannot be had.
    pub async fn image(&self, name: &str) -> Result<Image, ContainerError> {
        if let Some(image) = self.known_image(name).await? {
            return Ok(image);
        }
        let none = |said: String| ContainerError::NoImage { image: name.to_owned(), said };
        pull(name).await.map_err(&none)?;
        self.known_image(name).await?.ok_or_else(|| none("it is not there after it was pulled".to_owned()))
    }

    /// The image of this name or id, if it is on the machine.
    pub(super) async fn known_image(&self, name: &str) -> Result<Option<Image>, ContainerError> {
        match self.docker.inspect_image(name).await {
            Ok(found) => Ok(Some(read(name, found))),
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(refused(format!("look for image `{name}`"), &error)),
        }
    }
}

fn read(name: &str, found: ImageInspect) -> Image {
    let config = found.config.unwrap_or_default();
    // `HEALTHCHECK NONE` is kept as a check with one word.
    let checks = |test: Vec<String>| test.first().is_some_and(|word| word != "NONE");
    Image {
        id: found.id.unwrap_or_else(|| name.to_owned()),
        labels: config.labels.unwrap_or_default(),
        has_health_check: config.healthcheck.and_then(|check| check.test).is_some_and(checks),
    }
}

async fn pull(name: &str) -> Result<(), String> {
    let (name, tag) = name_and_tag(name);
    match GenericImage::new(name, tag).pull_image().await {
        Ok(_) => Ok(()),
        Err(TestcontainersError::Client(ClientError::PullImage { err, .. })) => Err(said(&err)),
        Err(error) => Err(error.to_string()),
    }
}

/// `registry:5000/app:1` are `registry:5000/app` and `1`; a digest counts as a tag.
fn name_and_tag(name: &str) -> (&str, &str) {
    match name.rsplit_once(':') {
        Some((before, tag)) if !tag.contains('/') => (before, tag),
        _ => (name, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("app", ("app", "latest"))]
    #[case("acme/app:ci", ("acme/app", "ci"))]
    #[case("registry:5000/app", ("registry:5000/app", "latest"))]
    #[case("registry:5000/app:1", ("registry:5000/app", "1"))]
    #[case("app@sha256:abc", ("app@sha256", "abc"))]
    fn a_name_has_a_tag(#[case] name: &str, #[case] expected: (&str, &str)) {
        assert_eq!(name_and_tag(name), expected);
    }
}
