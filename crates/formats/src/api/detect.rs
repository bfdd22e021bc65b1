//! Which language a definition is written in, by its first telling line.

use model::api::ApiKind;

use crate::Input;

pub(super) fn kind(input: &Input<'_>) -> Option<ApiKind> {
    for (member, kind) in
        [("openapi", ApiKind::OpenApi), ("swagger", ApiKind::OpenApi), ("asyncapi", ApiKind::AsyncApi)]
    {
        if input.has(member) {
            return Some(kind);
        }
    }
    input.text().lines().find_map(line)
}

/// What one line gives away; none where it could stand in several languages.
fn line(line: &str) -> Option<ApiKind> {
    let bare = line.trim_start_matches(['"', '\'']);
    let member =
        |name: &str| bare.strip_prefix(name).is_some_and(|rest| rest.trim_start_matches(['"', '\'']).starts_with(':'));
    if member("openapi") || member("swagger") {
        return Some(ApiKind::OpenApi);
    }
    if member("asyncapi") {
        return Some(ApiKind::AsyncApi);
    }
    let line = line.trim();
    let mut words = line.split_whitespace();
    let (first, second) = (words.next()?, words.next().unwrap_or_default());
    let opens = |line: &str| line.ends_with('{') || line.ends_with('}');
    match first {
        "syntax" | "edition" if second.starts_with('=') => Some(ApiKind::Grpc),
        "package" | "import" if line.ends_with(';') => Some(ApiKind::Grpc),
        "message" | "service" if opens(line) => Some(ApiKind::Grpc),
        _ if first.starts_with("syntax=") || first.starts_with("edition=") => Some(ApiKind::Grpc),
        "type" | "interface" | "input" | "schema" | "extend" if opens(line) => Some(ApiKind::GraphQl),
        "directive" if second.starts_with('@') => Some(ApiKind::GraphQl),
        "union" if line.contains('=') => Some(ApiKind::GraphQl),
        "scalar" if is_name(second) => Some(ApiKind::GraphQl),
        _ if first.starts_with("\"\"\"") => Some(ApiKind::GraphQl),
        _ => None,
    }
}

fn is_name(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
