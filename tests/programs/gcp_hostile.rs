//! Google's credentials files of every kind as an editor, a disk or an attacker leaves them: a typed error that names the file, or
//! the right answer, and never another identity.

use claviger_tests::{
    CANARY,
    google::{
        authorized_user, aws, external, google, impersonated, printer, said, service_account, vertex,
        workforce_user,
    },
    secret, text,
};
use serde_json::{Value, json};
use std::{fs, thread};

const NEEDS_HUMAN: i32 = 4;
/// Programs at once.
const LANES: usize = 4;

/// What comes of a file: a secret of the server, or an error with this part.
type Outcome = Result<&'static str, &'static str>;

/// One way to spoil a file, and what comes of it; `None` if that is what comes of the file as it was.
struct Form {
    name: &'static str,
    spoil: fn(&Value) -> Vec<u8>,
    outcome: Option<&'static str>,
}

const fn form(name: &'static str, spoil: fn(&Value) -> Vec<u8>, outcome: Option<&'static str>) -> Form {
    Form { name, spoil, outcome }
}

fn bytes(file: &Value) -> Vec<u8> {
    file.to_string().into_bytes()
}

/// The file with `begin` and `end` around what is within its braces.
fn within(file: &Value, begin: &str, end: &str) -> Vec<u8> {
    let text = file.to_string();
    format!("{{{begin}{}{end}}}", &text[1..text.len() - 1]).into_bytes()
}

fn set(file: &Value, name: &str, value: Value) -> Vec<u8> {
    let mut file = file.clone();
    file[name] = value;
    bytes(&file)
}

const FORMS: [Form; 20] = [
    form("as it was", bytes, None),
    form("cut in half", |file| bytes(file)[..bytes(file).len() / 2].to_vec(), Some("is not JSON (line 1")),
    form(
        "without its end",
        |file| bytes(file)[..bytes(file).len() - 1].to_vec(),
        Some("is not JSON (line 1"),
    ),
    form("empty", |_| Vec::new(), Some("is not JSON")),
    form("in a list", |file| bytes(&json!([file])), Some("is not a JSON object")),
    form("as a text", |file| bytes(&json!(file.to_string())), Some("is not a JSON object")),
    form("type of a wrong type", |file| set(file, "type", json!([CANARY])), Some("type must be a text")),
    form("type null", |file| set(file, "type", Value::Null), Some("type is missing")),
    form("NUL in the type", |file| set(file, "type", json!("authorized_user\0")), Some("type is not a kind")),
    form("huge", |file| [bytes(file), vec![b' '; 1024 * 1024]].concat(), Some("larger than 1024 KiB")),
    form(
        "deep",
        |file| within(file, &format!("\"x\":{}{},", "[".repeat(5000), "]".repeat(5000)), ""),
        Some("is not JSON (line 1"),
    ),
    // As every reader of JSON has it, the last one counts.
    form("a type before", |file| within(file, "\"type\":\"authorized_user\",", ""), None),
    form("a type after", |file| within(file, "", ",\"type\":\"none\""), Some("type is not a kind")),
    form(
        "CRLF",
        |file| serde_json::to_string_pretty(file).expect("JSON").replace('\n', "\r\n").into_bytes(),
        None,
    ),
    form(
        "UTF-16",
        |file| {
            "\u{feff}"
                .encode_utf16()
                .chain(file.to_string().encode_utf16())
                .flat_map(u16::to_le_bytes)
                .collect()
        },
        Some("is not JSON"),
    ),
    form("BOM", |file| ["\u{feff}".as_bytes(), &bytes(file)].concat(), Some("is not JSON")),
    form("NUL at its end", |file| [&bytes(file)[..], b"\0"].concat(), Some("is not JSON")),
    form("NUL in a text", |file| within(file, "\"x\":\"\0\",", ""), Some("is not JSON")),
    form("Latin-1", |file| [&b"{\"x\":\"\xe9\","[..], &bytes(file)[1..]].concat(), Some("is not JSON")),
    form("more after its end", |file| [&bytes(file)[..], b"{}"].concat(), Some("is not JSON")),
];

#[test]
fn every_kind_of_file_in_every_form() {
    let (google, decoy) = (google(), google());
    let url = google.url.as_str();
    let mut home = vertex();
    home.set("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1");
    // What a reader that goes on would find.
    home.set("NO_GCE_CHECK", "");
    home.set("GCE_METADATA_HOST", decoy.url.trim_start_matches("http://"));
    home.write(
        "home/.config/gcloud/application_default_credentials.json",
        &authorized_user(&decoy.url).to_string(),
    );
    let subject = home.write("subject.txt", &secret("subject"));
    let printer = printer(&home);
    let kinds: [(&str, Value, Outcome); 11] = [
        ("service account", service_account(url), Ok("oauth")),
        ("user", authorized_user(url), Ok("oauth")),
        ("workforce user", workforce_user(url), Ok("sts")),
        ("impersonated", impersonated(url, authorized_user(url)), Ok("iam")),
        ("file", external(url, json!({"file": subject})), Ok("sts")),
        ("URL", external(url, json!({"url": format!("{url}/subject")})), Ok("sts")),
        ("executable", external(url, json!({"executable": {"command": printer}})), Ok("sts")),
        ("AWS", external(url, aws(url)), Ok("sts")),
        ("certificate", external(url, json!({"certificate": {}})), Err("certificate is not supported")),
        ("GDC", json!({"type": "gdch_service_account"}), Err("gdch_service_account")),
        (
            "unknown",
            json!({"type": "secret_service_account"}),
            Err("type is not a kind of Google credentials"),
        ),
    ];
    let _daemon = home.daemon();
    let tries: Vec<_> =
        kinds.iter().flat_map(|kind| FORMS.iter().map(move |form| (kind, form))).enumerate().collect();
    let (home, tries) = (&home, &tries);
    thread::scope(|scope| {
        for lane in 0..LANES {
            scope.spawn(move || {
                for (at, ((kind, file, outcome), form)) in tries.iter().skip(lane).step_by(LANES) {
                    let what = format!("{kind}, {}", form.name);
                    let path = home.path(format!("{at}.json"));
                    fs::write(&path, (form.spoil)(file)).expect("a file");
                    let mut client = home.claviger(&["get", "--json", "--show-secret"]);
                    client.env("GOOGLE_APPLICATION_CREDENTIALS", &path);
                    let output = client.output().expect("it runs");
                    match form.outcome.map_or(*outcome, Err) {
                        Ok(server) => {
                            assert_eq!(output.status.code(), Some(0), "{what}: {}", text(&output.stderr));
                            let lease: Value = serde_json::from_slice(&output.stdout).expect("JSON");
                            assert_eq!(lease["secret"], secret(server), "{what}: {lease}");
                        }
                        Err(part) => {
                            let error = said(output, NEEDS_HUMAN, &what);
                            assert_eq!(error["reason"], "settings-invalid", "{what}: {error}");
                            let error = error.to_string();
                            assert!(error.contains(part), "{what}: {part:?} is not in {error}");
                            assert!(error.contains(&format!("{at}.json")), "{what}: names the file: {error}");
                        }
                    }
                }
            });
        }
    });
    assert_eq!(decoy.requests().len(), 0, "no other identity is looked for");
}
