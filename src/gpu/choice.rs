//! Which kernels a device gets: of those that make use of what it offers, and of the plain ones, the fastest that compute
//! what they should. What was found out is worth keeping: it holds as long as device, browser and kernels stay the same.

use super::device::{Description, Device};
use super::extras::{Extra, Extras};
use super::kernels::{Kernels, Sources};
use super::probe::{Probe, WRONG};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::rc::Rc;

/// Kernels that have been checked.
pub struct Choice {
    pub kernels: Rc<Kernels>,
    /// Why others were not considered that make use of more.
    pub refused: Option<String>,
}

/// What was found out about a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What it was found out about, as of [`subject`].
    pub subject: String,
    /// Names of what the kernels that passed make use of; nothing if none did.
    pub passed: Option<Vec<String>>,
    /// Why it is not all that was offered.
    pub refused: Option<String>,
}

/// What a finding is about: these kernels, this browser, this device. Nothing is known of anything else, be it a new
/// version of the same.
pub fn subject(description: &Description, extras: Extras, browser: &str) -> String {
    let Description { vendor, architecture, device, description, binding_bytes, .. } = description;
    let offered = extras.names().join(" ");
    let kernels = Sources::default().digest();
    format!("{kernels:016x}\n{browser}\n{vendor}\n{architecture}\n{device}\n{description}\n{binding_bytes}\n{offered}")
}

/// What a finding comes to, without checks. None where it has to be found out anew: what has been compiled before does not
/// compile now.
pub async fn recall(device: &Device, sources: &Sources, finding: &Finding) -> Option<Result<Choice>> {
    let refused = finding.refused.clone();
    let Some(names) = &finding.passed else {
        let why = refused.unwrap_or_default();
        return Some(Err(Error::unsupported(format!("{why} (found out on an earlier visit)"))));
    };
    let extras = Extras::of(|extra| names.iter().any(|name| name == extra.name()));
    let kernels = Kernels::compile(device, sources, extras).await.ok()?;
    Some(Ok(Choice { kernels: Rc::new(kernels), refused }))
}

/// Compiles kernels and checks them; `offered` is what they may make use of. Of those that pass, the fastest by `clock`
/// (milliseconds) are taken, or those that make use of most where there is none.
///
/// Errors: `Unsupported` if not even the plainest pass.
pub async fn choose(
    device: &Rc<Device>,
    sources: &Sources,
    offered: Extras,
    clock: Option<&dyn Fn() -> f64>,
) -> Result<Choice> {
    let mut failures = Vec::new();
    let mut best: Option<(f64, Rc<Kernels>)> = None;
    // With them sums over a row take fewer steps, which no clock would tell from chance: they are taken if they are right.
    let mut subgroups = offered.and(Extras::of(|extra| extra == Extra::Subgroups));
    for extras in offered.without(subgroups).ladder() {
        let mut found = checked(device, sources, extras.with(subgroups), clock).await;
        if let (Err(error), true) = (&found, subgroups != Extras::NONE) {
            device.alive()?;
            failures.push(error.context.clone());
            found = checked(device, sources, extras, clock).await;
            if found.is_ok() {
                subgroups = Extras::NONE;
            }
        }
        match found {
            Ok(found) if best.as_ref().is_none_or(|(least, _)| found.0 < *least) => best = Some(found),
            Ok(_) => {}
            Err(error) => {
                device.alive()?;
                failures.push(error.context);
            }
        }
        if clock.is_none() && best.is_some() {
            break;
        }
    }
    match best {
        Some((_, kernels)) => Ok(Choice { kernels, refused: failures.into_iter().next() }),
        // The plainest come last.
        None => Err(Error::unsupported(failures.pop().unwrap_or_default())),
    }
}

/// What is worth keeping of what [`choose`] said: that kernels passed, and that some computed wrongly. A device that was
/// lost, or had no memory left, may do better the next time.
pub fn finding(subject: String, chosen: &Result<Choice>) -> Option<Finding> {
    let (passed, refused) = match chosen {
        Ok(Choice { kernels, refused }) => {
            (Some(kernels.extras().names().into_iter().map(String::from).collect()), refused.clone())
        }
        Err(error) => (None, Some(error.context.clone())),
    };
    refused.as_ref().is_none_or(|why| why.starts_with(WRONG)).then_some(Finding { subject, passed, refused })
}

/// With the time that they take, or 0.
async fn checked(
    device: &Rc<Device>,
    sources: &Sources,
    extras: Extras,
    clock: Option<&dyn Fn() -> f64>,
) -> Result<(f64, Rc<Kernels>)> {
    let kernels = Rc::new(Kernels::compile(device, sources, extras).await?);
    let probe = Probe { device: Rc::clone(device), kernels: Rc::clone(&kernels) };
    probe.run().await?;
    match clock {
        Some(clock) => Ok((probe.time(clock).await?, kernels)),
        None => Ok((0.0, kernels)),
    }
}
