//! Probes and hooks (`validateProbe`, `validateLifecycle` in `pkg/apis/core/validation`). Left out: signals to stop by.

use super::field::{At, Errors, quoted};
use super::names;

/// A container's three probes.
pub fn probes(container: &At, errors: &mut Errors) {
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let probe = container.child(name);
        if !probe.given() {
            continue;
        }
        handler(&probe, &["exec", "httpGet", "tcpSocket", "grpc"], None, errors);
        for number in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] {
            errors.non_negative(&probe.child(number));
        }
        let grace = probe.child("terminationGracePeriodSeconds");
        if grace.given() && grace.number() <= 0 {
            errors.invalid(&grace, "must be greater than 0");
        }
        if name == "readinessProbe" && grace.given() {
            errors.invalid(&grace, "must not be set for readinessProbes");
        }
        let threshold = probe.child("successThreshold");
        // 0 is the default, which is 1.
        if name != "readinessProbe" && !matches!(threshold.number(), 0 | 1) {
            errors.invalid(&threshold, "must be 1");
        }
    }
}

/// What runs after a container's start and before its end; `grace` is how long the end may take.
pub fn hooks(container: &At, grace: i64, errors: &mut Errors) {
    for name in ["postStart", "preStop"] {
        let hook = container.at(&["lifecycle", name]);
        if hook.given() {
            handler(&hook, &["exec", "httpGet", "tcpSocket", "sleep"], Some(grace), errors);
        }
    }
}

/// Exactly one way to do it.
fn handler(owner: &At, ways: &[&str], grace: Option<i64>, errors: &mut Errors) {
    let mut found = false;
    for name in ways {
        let action = owner.child(name);
        if !action.given() {
            continue;
        }
        if found {
            errors.forbidden(&action, "may not specify more than 1 handler type");
            continue;
        }
        found = true;
        match *name {
            "exec" if action.child("command").is_empty() => errors.required(&action.child("command"), ""),
            "httpGet" => http(&action, errors),
            "tcpSocket" => port(&action.child("port"), errors),
            "grpc" => {
                let number = action.child("port");
                for message in names::port_number(number.number()) {
                    errors.invalid_as(&number, &number.number().to_string(), message);
                }
            }
            "sleep" => sleep(&action, grace.unwrap_or_default(), errors),
            _ => {}
        }
    }
    if !found {
        errors.required(owner, "must specify a handler type");
    }
}

fn sleep(action: &At, grace: i64, errors: &mut Errors) {
    let seconds = action.child("seconds").number();
    if !(0..=grace).contains(&seconds) {
        let why = format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
        errors.invalid_as(action, &seconds.to_string(), why);
    }
}

fn http(action: &At, errors: &mut Errors) {
    port(&action.child("port"), errors);
    errors.one_of_or_default(&action.child("scheme"), &["HTTP", "HTTPS"]);
    for header in action.child("httpHeaders").items() {
        let name = header.child("name");
        if name.text().is_empty() || !name.text().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            let why = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
            errors.invalid_as(&action.child("httpHeaders"), &quoted(name.text()), why);
        }
    }
}

/// A port as number or name; absent is 0.
pub(super) fn port(at: &At, errors: &mut Errors) {
    if at.is_text() {
        errors.all_invalid(at, names::port_name(at.text()));
        return;
    }
    for message in names::port_number(at.number()) {
        errors.invalid_as(at, &at.number().to_string(), message);
    }
}
