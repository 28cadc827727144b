//! Manifests as people bring them: whole, in another order, broken.

use kubehop::api::Kind;
use kubehop::control_plane::apiserver::{Admitted, admit};
use kubehop::diagnostic::{Diagnostic, Finding, Severity};
use kubehop::kubectl::schema::{self, Type};
use kubehop::kubectl::{SourceFile, read};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::fs;

fn all(text: &str) -> (Admitted, Vec<Diagnostic>) {
    let (manifests, mut diagnostics) = read(&[SourceFile { name: "x.yaml".into(), text: text.into() }]);
    let admitted = admit(&manifests);
    diagnostics.extend(admitted.diagnostics.clone());
    (admitted, diagnostics)
}

/// An example of a type, with every field of every struct down to a depth.
fn example(kind: &Type, depth: u32) -> Value {
    match kind {
        Type::String => "x".into(),
        Type::Bool => true.into(),
        Type::Int32 | Type::Int64 => 1.into(),
        Type::IntOrString => "http".into(),
        Type::Quantity => "1".into(),
        Type::Time | Type::MicroTime => "2026-01-01T00:00:00Z".into(),
        Type::Bytes => "aGk=".into(),
        Type::Any => json!({"any": ["thing"]}),
        Type::List(item) => json!([example(item, depth), null]),
        Type::Map(item) => json!({"key": example(item, depth)}),
        Type::Struct(name) => {
            let fields = schema::fields(name).iter().filter(|_| depth > 0);
            Value::Object(fields.map(|field| (field.name.to_string(), example(&field.kind, depth - 1))).collect())
        }
    }
}

#[test]
fn no_field_of_upstream_is_called_unknown_or_wrong() {
    for kind in Kind::ALL {
        let mut object = example(&Type::Struct(kind.name()), 9);
        object["apiVersion"] = kind.api_version().into();
        object["kind"] = kind.name().into();
        let (_, diagnostics) = all(&object.to_string());
        let decoding = diagnostics.iter().filter_map(|diagnostic| match &diagnostic.message {
            Finding::Upstream(text) if text.starts_with("json:") || text.starts_with("unknown field") => Some(text),
            _ => None,
        });
        assert_eq!(decoding.collect::<Vec<_>>(), Vec::<&String>::new(), "{kind}");
    }
}

#[test]
fn the_notes_of_a_class_are_admitted_as_they_are() {
    for entry in fs::read_dir("tests/fixtures/notes").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
            let (admitted, diagnostics) = all(&fs::read_to_string(&path).unwrap());
            assert!(!admitted.objects.is_empty(), "{}", path.display());
            assert!(diagnostics.iter().all(|found| found.severity != Severity::Error), "{}: {diagnostics:?}", path.display());
        }
    }
}

#[test]
fn what_is_not_played_gets_one_quiet_note() {
    for (text, note) in [
        ("apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\n", "kind.notPlayedPods"),
        ("apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\n", "kind.notPlayedRouting"),
        ("apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: n}\n", "kind.notPlayedRouting"),
        (
            "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: n}\n",
            "kind.notPlayedRouting",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: i}, {name: istio-proxy, image: i}]}\n",
            "field.mesh",
        ),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ipFamilyPolicy: PreferDualStack, ports: [{port: 80}]}\n",
            "field.dualStack",
        ),
        ("apiVersion: authentication.k8s.io/v1\nkind: TokenReview\nmetadata: {name: t}\nspec: {token: abc}\n", "kind.review"),
        ("apiVersion: authorization.k8s.io/v1\nkind: SelfSubjectAccessReview\nspec: {}\n", "kind.review"),
        ("apiVersion: v1\nkind: Binding\nmetadata: {name: p}\ntarget: {kind: Node, name: node-1}\n", "kind.binding"),
        ("apiVersion: events.k8s.io/v1\nkind: Event\nmetadata: {name: e}\n", "kind.event"),
        ("apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q}\n", "kind.notPlayedObjects"),
        ("apiVersion: example.com/v1\nkind: Database\nmetadata: {name: d}\n", "kind.notKnown"),
        ("apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: d}\n", "kind.notPlayed"),
        ("apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: d}\n", "kind.claim.default"),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  runtimeClassName: gvisor\n  containers: [{name: a, image: nginx}]\n",
            "field.notPlayed",
        ),
    ] {
        let (_, diagnostics) = all(text);
        let [Diagnostic { severity: Severity::Info, message: Finding::Ours(message), .. }] = &diagnostics[..] else {
            panic!("{diagnostics:?}")
        };
        assert_eq!(message.id, note);
    }
}

#[test]
fn what_is_sent_to_a_part_of_an_object_is_no_document() {
    let (_, diagnostics) = all("apiVersion: policy/v1\nkind: Eviction\nmetadata: {name: p}\n");
    let [Diagnostic { message: Finding::Upstream(message), help: Some(help), .. }] = &diagnostics[..] else {
        panic!("{diagnostics:?}")
    };
    assert_eq!((message.as_str(), help.id.as_ref()), ("no matches for kind \"Eviction\" in version \"policy/v1\"", "kind.part"));
}

#[test]
fn an_api_version_that_is_gone_comes_with_todays() {
    let (_, diagnostics) = all("apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: i}\n");
    let Finding::Upstream(message) = &diagnostics[0].message else { panic!() };
    assert_eq!(message, "no matches for kind \"Ingress\" in version \"extensions/v1beta1\"");
    assert_eq!(diagnostics[0].fixes[0].text, "networking.k8s.io/v1");
}

#[test]
fn a_near_miss_comes_with_the_edit_that_mends_it() {
    let text = "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  selector: {app: web}\n  prots:\n  - port: 80\n";
    let (_, diagnostics) = all(text);
    let Finding::Upstream(message) = &diagnostics[0].message else { panic!() };
    assert_eq!(message, "unknown field \"spec.prots\"");
    let fix = &diagnostics[0].fixes[0];
    let span = fix.span.as_ref().unwrap();
    let line = text.lines().nth(span.line as usize - 1).unwrap();
    let mended = format!("{}{}{}", &line[..span.column as usize - 1], fix.text, &line[span.end_column as usize - 1..]);
    assert_eq!(mended, "  ports:");
}

/// Applies every first fix until nothing is left to mend.
fn mended(text: &str) -> String {
    let mut text = text.to_string();
    for _ in 0..12 {
        let (_, diagnostics) = all(&text);
        let Some(fix) = diagnostics.iter().find_map(|found| found.fixes.first()) else { break };
        let Some(span) = &fix.span else { break };
        let offset = |line: u32, column: u32| -> usize {
            let before: usize = text.split_inclusive('\n').take(line as usize - 1).map(str::len).sum();
            let rest = &text[before..];
            before + rest.char_indices().nth(column as usize - 1).map_or(rest.len(), |(at, _)| at)
        };
        let (start, end) = (offset(span.line, span.column), offset(span.end_line, span.end_column));
        text.replace_range(start..end, &fix.text);
    }
    text
}

#[test]
fn one_click_each_mends_the_commonest_mistakes() {
    let service = |ports: &str| {
        format!("apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  selector:\n    app: web\n  ports:\n{ports}")
    };
    let deployment = "apiVersion: apps/v1beta1\nkind: Deploymnt\nmetadata:\n  name: Web_1\nspec:\n  replica: \"3\"\n  selector:\n    matchLabels:\n      app: web\n  template:\n    metadata:\n      labels:\n        app: wed\n    spec:\n      contianers:\n      - image: nginx\n        port:\n        - containerPort: \"80\"\n";
    for text in [
        service("  - port: \"80\"\n"),
        service("  - port: 80\n    protocol: tcp\n"),
        service("  - port: 80\n    targetPort: \"8080\"\n"),
        service("  - port: 80\n  - port: 81\n"),
        service("  - port: 80\n").replace("    app: web", "\t\tapp: web"),
        service("  - port: 80\n").replace("app: web", "app: 1"),
        service("  - port: 80\n").replace("name: web", "name: Web_App"),
        deployment.replace("apps/v1beta1", "apps/v1"),
        deployment.replace("Deploymnt", "Deployment"),
        deployment.replace("Deploymnt", "Deployment").replace("  selector:\n    matchLabels:\n      app: web\n", ""),
    ] {
        let mended = mended(&text);
        let (admitted, diagnostics) = all(&mended);
        assert!(diagnostics.is_empty() && admitted.objects.len() == 1, "{text}\n{mended}\n{diagnostics:?}");
    }
}

/// Pieces of which broken manifests are made.
fn piece() -> impl Strategy<Value = String> {
    let fragments = [
        "apiVersion: v1\n",
        "kind: Service\n",
        "kind: Deployment\napiVersion: apps/v1\n",
        "metadata:\n  name: web\n",
        "spec:\n",
        "  ports:\n",
        "  - port: 80\n",
        "---\n",
        "{",
        "}",
        "[",
        "]",
        ": ",
        "&a ",
        "*a",
        "<<: ",
        "\t",
        "|\n",
        "\"",
        "'",
        "# x\n",
        "? ",
        "- ",
        "!!int ",
        "~",
        "{{ .x }}",
        "  selector:\n    app: web\n",
        "0x",
        "é",
        "items:\n",
        "kind: List\n",
        "\u{feff}",
        "...\n",
        "%YAML 1.1\n",
        "  type: 1e400\n",
        "\r\n",
        "null",
    ];
    prop_oneof![9 => proptest::sample::select(fragments.to_vec()).prop_map(str::to_string), 1 => ".{0,6}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_text_panics_and_the_same_text_gives_the_same_answer(pieces in proptest::collection::vec(piece(), 0..30)) {
        let text = pieces.concat();
        let (one, other) = (all(&text), all(&text));
        prop_assert_eq!(format!("{one:?}"), format!("{other:?}"));
    }

    #[test]
    fn no_value_in_any_field_panics(kind in proptest::sample::select(Kind::ALL.to_vec()), seed in any::<u64>()) {
        let mut object = example(&Type::Struct(kind.name()), 6);
        object["apiVersion"] = kind.api_version().into();
        object["kind"] = kind.name().into();
        let mut state = seed;
        spoil(&mut object, &mut state);
        all(&object.to_string());
    }

    #[test]
    fn the_order_of_documents_changes_nothing(order in Just(vec![0usize, 1, 2, 3]).prop_shuffle()) {
        let documents = [
            "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  selector: {app: web}\n  ports: [{port: 80}]\n",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers: [{name: a, image: nginx}]\n",
            "apiVersion: v1\nkind: Servce\nmetadata: {name: broken}\n",
        ];
        let told = |order: &[usize]| {
            let text = order.iter().map(|index| documents[*index]).collect::<Vec<_>>().join("---\n");
            let (admitted, diagnostics) = all(&text);
            let mut objects: Vec<String> = admitted.objects.iter().map(|object| object.value.to_string()).collect();
            let mut messages: Vec<String> = diagnostics.iter().map(|found| format!("{:?} {:?}", found.message, found.help)).collect();
            objects.sort();
            messages.sort();
            (objects, messages)
        };
        prop_assert_eq!(told(&order), told(&[0, 1, 2, 3]));
    }
}

/// Replaces some values by others of any type.
fn spoil(value: &mut Value, state: &mut u64) {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let pick = *state >> 58;
    match pick {
        0 => *value = Value::Null,
        1 => *value = json!(-1),
        2 => *value = json!("-"),
        3 => *value = json!([]),
        4 => *value = Value::Object(Map::new()),
        5 => *value = json!(99_999_999_999_i64),
        6 => *value = json!("10.96.0.1/33"),
        7 => *value = json!(1.5),
        _ => match value {
            Value::Object(fields) => fields.values_mut().for_each(|field| spoil(field, state)),
            Value::Array(items) => items.iter_mut().for_each(|item| spoil(item, state)),
            _ => {}
        },
    }
}

/// Texts as long as may be, each made to be slow: what opens and never closes, keys that stand again beside thousands of like
/// names, keys that JSON cannot have inside of one another. Far less than the limit when the work grows with the length alone, and
/// many minutes when it grows with its square.
#[test]
fn a_megabyte_of_hostile_yaml_is_read_in_seconds() {
    let filled = |part: &str| part.repeat((1 << 20) / part.len());
    let mut texts: Vec<String> =
        ["[", "{", "- ", "? ", ": ", "&a *a ", "- &a *a\n", "[{a: ", "\"a", "'a", "%a ", "---\n", "\t"].map(filled).into();
    texts.push(format!("\"{}\"", "\\x41".repeat(250_000)));
    let like: String = (0..40_000).map(|number| format!("a{number}: 1\n")).collect();
    texts.push(like + &"a: 1\n".repeat(80_000));
    texts.push(format!("{}[{}]{}", "{~: ".repeat(60), "x, ".repeat(300_000), "}".repeat(60)));
    for text in texts {
        let shown: String = text.chars().take(20).collect();
        let (done, finished) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            read(&[SourceFile { name: "x.yaml".into(), text }]);
            done.send(())
        });
        assert!(finished.recv_timeout(std::time::Duration::from_secs(60)).is_ok(), "{shown}… is still being read");
    }
}
