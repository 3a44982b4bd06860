//! A container beside the app: a service of somebody else's, started from its image.

use std::time::Duration;

use super::ground::Ground;
use super::launcher::ContainerLauncher;
use super::spec::{ContainerSpec, Published};
use crate::target::{LaunchError, Launched, Launcher, Ready, ReadyCheck, ReservedPort};
use crate::time::Clock;

/// Starts an image that listens on `port` inside, pulled where it is not on the machine, and waits until it is ready:
/// until `check` holds, at most for `within`. `command` stands in for the image's, where it has words. [`Launched::base_url`] is where it answers on 127.0.0.1; stopping or
/// dropping it removes it.
///
/// # Errors
/// The image cannot be had, or it does not come up.
#[expect(clippy::too_many_arguments, reason = "each says another thing, and all of them once")]
pub async fn beside(
    ground: &Ground,
    name: &str,
    image: &str,
    command: &[&str],
    port: u16,
    check: ReadyCheck,
    within: Duration,
    clock: Clock,
) -> Result<Launched, LaunchError> {
    let image = ground.engine().image(image).await?;
    let reserved = ReservedPort::take()?;
    let spec = ContainerSpec {
        name: name.to_owned(),
        image: image.id,
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        published: vec![Published { inside: port, outside: reserved.port() }],
        ready: Some(Ready { check, within }),
        ..ContainerSpec::default()
    };
    let base_url = format!("http://127.0.0.1:{}", reserved.port());
    ContainerLauncher::new(ground.clone(), vec![spec], base_url).holding(reserved).launch(clock).await
}
