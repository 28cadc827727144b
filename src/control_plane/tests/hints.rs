//! What is said beside a refusal: what was meant, and what mends it.

use super::*;

/// The helps of an outcome, as ids with one argument.
fn helps(outcome: &Outcome, argument: &str) -> Vec<(String, String)> {
    let helps = outcome.diagnostics.iter().filter_map(|found| found.help.as_ref());
    helps.map(|help| (help.id.to_string(), help.args.get(argument).cloned().unwrap_or_default())).collect()
}

fn pod(container: &str, more: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{{more}containers: [{{name: c, image: nginx{container}}}]}}\n"
    )
}

fn check(text: &str, argument: &str, expected: &[(&str, &str)]) {
    let outcome = apply(&fresh(), text);
    let expected: Vec<_> = expected.iter().map(|(id, value)| (id.to_string(), value.to_string())).collect();
    assert_eq!(helps(&outcome, argument), expected, "{text}");
}

#[test]
fn the_fields_of_a_probe_belong_to_its_handler() {
    let meant = [("decode.deeper", "httpGet.path"), ("decode.deeper", "httpGet.port")];
    check(&pod(", livenessProbe: {path: /, port: 80}", ""), "place", &meant);
    let any = [("decode.deeper", "grpc.port, httpGet.port, tcpSocket.port")];
    check(&pod(", livenessProbe: {port: 80}", ""), "place", &any);
    check(&pod("", "runAsUser: 1, "), "place", &[("decode.deeper", "securityContext.runAsUser")]);
}

#[test]
fn a_tolerations_operator_behind_a_feature_gate_is_not_offered() {
    let text = pod("", "tolerations: [{key: a, operator: Gt, value: '3'}], ");
    check(&text, "operator", &[("mend.tolerationGate", "Gt")]);
}

#[test]
fn a_version_that_is_gone_names_the_one_that_took_its_place() {
    let old = |version: &str, kind: &str| format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\n");
    check(&old("autoscaling/v2beta2", "HorizontalPodAutoscaler"), "version", &[("kind.oldVersion", "autoscaling/v2")]);
    check(&old("policy/v1beta1", "PodDisruptionBudget"), "version", &[("kind.oldVersion", "policy/v1")]);
    check(&old("extensions/v1beta1", "Ingress"), "version", &[("kind.oldVersion", "networking.k8s.io/v1")]);
}

#[test]
fn a_space_in_a_namespace_is_taken_out() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: \" default\"}\n";
    check(text, "field", &[("decode.meant", "default")]);
    assert_eq!(apply(&fresh(), text).diagnostics[0].fixes[0].text, "default");
}

#[test]
fn a_stateful_sets_kept_rolling_update_is_taken_away_by_null() {
    let set = |strategy: &str| {
        format!(
            "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: db}}\nspec:\n  serviceName: db\n  {strategy}\n  selector: {{matchLabels: {{app: db}}}}\n  \
             template: {{metadata: {{labels: {{app: db}}}}, spec: {{containers: [{{name: c, image: nginx}}]}}}}\n"
        )
    };
    let first = with(&set("replicas: 1"));
    let told = apply(&first, &set("updateStrategy: {type: OnDelete}"));
    assert_eq!(helps(&told, "object"), [("mend.rollingUpdate".to_string(), String::new())]);
    let mended = apply(&first, &set("updateStrategy: {type: OnDelete, rollingUpdate: null}"));
    assert_eq!(helps(&mended, "object"), []);
}

#[test]
fn a_claim_and_a_range_of_services_say_what_a_cluster_would_make_of_them() {
    let said = |text: &str| {
        let told = apply(&fresh(), text).diagnostics;
        told.iter()
            .filter_map(|found| if let Finding::Ours(text) = &found.message { Some(text.clone()) } else { None })
            .next()
            .unwrap()
    };
    let claim = |class: &str| {
        said(&format!(
            "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: data}}\nspec: {{{class}accessModes: [ReadWriteOnce]}}\n"
        ))
    };
    assert_eq!(claim("storageClassName: fast, "), crate::msg!("kind.claim", claim = "data", class = "fast"));
    assert_eq!(claim("storageClassName: '', ").id, "kind.claim.static");
    assert_eq!(claim("").id, "kind.claim.default");
    let range = "apiVersion: networking.k8s.io/v1\nkind: ServiceCIDR\nmetadata: {name: a}\nspec: {cidrs: [10.200.0.0/16]}\n";
    assert_eq!(said(range), crate::msg!("kind.serviceCIDR", cidrs = "10.200.0.0/16"));
}

#[test]
fn a_job_says_which_secret_counts_as_made_by_it() {
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\n\
               spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: x, args: [create, --secret-name=admission]}]}}}\n";
    let told = apply(&fresh(), job).diagnostics;
    assert_eq!(told[0].message, Finding::Ours(crate::msg!("kind.jobMakes", kind = "Job", secret = "admission")));
}
