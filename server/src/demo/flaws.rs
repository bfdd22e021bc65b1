//! Known vulnerabilities that the demonstration's services meet: names, versions and ratings as the National
//! Vulnerability Database and the distributions' trackers publish them; the titles are our own.

/// A vulnerability of one package, as a scanner would report it.
#[derive(Debug)]
pub struct Flaw {
    pub id: &'static str,
    pub package: &'static str,
    pub installed: &'static str,
    /// Empty: there is no fixed version.
    pub fixed: &'static str,
    pub severity: &'static str,
    pub title: &'static str,
}

const fn flaw(
    id: &'static str,
    package: &'static str,
    installed: &'static str,
    fixed: &'static str,
    severity: &'static str,
    title: &'static str,
) -> Flaw {
    Flaw { id, package, installed, fixed, severity, title }
}

/// What a service is written in, by its catalog tag: the class of its packages, their purl type, and their flaws.
#[must_use]
pub fn of_language(language: &str) -> Option<(&'static str, &'static str, &'static [Flaw])> {
    match language {
        "java" => Some(("jar", "maven", JAVA)),
        "node" | "typescript" => Some(("node-pkg", "npm", NODE)),
        "python" => Some(("python-pkg", "pypi", PYTHON)),
        "go" => Some(("gobinary", "golang", GO)),
        _ => None,
    }
}

/// Packages of Debian 12, which every image is built on.
pub const DEBIAN: &[Flaw] = &[
    flaw(
        "CVE-2023-4911",
        "libc6",
        "2.36-9+deb12u1",
        "2.36-9+deb12u3",
        "HIGH",
        "Buffer overflow in the dynamic loader's tunables",
    ),
    flaw(
        "CVE-2024-2961",
        "libc6",
        "2.36-9+deb12u4",
        "2.36-9+deb12u7",
        "HIGH",
        "Out of bounds write when converting to ISO-2022-CN-EXT",
    ),
    flaw(
        "CVE-2023-38545",
        "libcurl4",
        "7.88.1-10+deb12u3",
        "7.88.1-10+deb12u4",
        "CRITICAL",
        "Heap overflow in the SOCKS5 handshake",
    ),
    flaw("CVE-2023-45853", "zlib1g", "1:1.2.13.dfsg-1", "", "CRITICAL", "Overflow of a zip entry's name in minizip"),
    flaw(
        "CVE-2023-5363",
        "libssl3",
        "3.0.11-1~deb12u1",
        "3.0.11-1~deb12u2",
        "HIGH",
        "Key and IV lengths are processed in the wrong order",
    ),
    flaw(
        "CVE-2023-6129",
        "libssl3",
        "3.0.11-1~deb12u2",
        "3.0.13-1~deb12u1",
        "MEDIUM",
        "POLY1305 corrupts vector registers on PowerPC",
    ),
    flaw(
        "CVE-2024-0727",
        "libssl3",
        "3.0.11-1~deb12u2",
        "3.0.13-1~deb12u1",
        "MEDIUM",
        "A malformed PKCS12 file ends the process",
    ),
    flaw(
        "CVE-2023-7104",
        "libsqlite3-0",
        "3.40.1-2",
        "3.40.1-2+deb12u1",
        "HIGH",
        "Heap overflow in the session extension",
    ),
    flaw(
        "CVE-2024-28085",
        "util-linux",
        "2.38.1-5",
        "2.38.1-5+deb12u1",
        "LOW",
        "Escape sequences reach other people's terminals",
    ),
    flaw("CVE-2011-3374", "apt", "2.6.1", "", "LOW", "apt-key does not verify keys as it should"),
    flaw("CVE-2010-4756", "libc6", "2.36-9+deb12u7", "", "LOW", "glob can be made to use up processor and memory"),
    flaw("CVE-2007-5686", "passwd", "1:4.13+dfsg1-1", "", "LOW", "The log of failed sign-ins can be read"),
];

const JAVA: &[Flaw] = &[
    flaw(
        "CVE-2021-44228",
        "org.apache.logging.log4j:log4j-core",
        "2.14.1",
        "2.15.0",
        "CRITICAL",
        "Remote code execution through JNDI lookups in log messages",
    ),
    flaw(
        "CVE-2022-42889",
        "org.apache.commons:commons-text",
        "1.9",
        "1.10.0",
        "CRITICAL",
        "Interpolation of untrusted text runs scripts",
    ),
    flaw("CVE-2022-1471", "org.yaml:snakeyaml", "1.33", "2.0", "HIGH", "Deserialisation constructs arbitrary types"),
    flaw(
        "CVE-2024-38816",
        "org.springframework:spring-webmvc",
        "6.1.12",
        "6.1.13",
        "HIGH",
        "Path traversal in functional resource routes",
    ),
    flaw(
        "CVE-2023-20883",
        "org.springframework.boot:spring-boot-autoconfigure",
        "2.7.11",
        "2.7.12",
        "HIGH",
        "A cached welcome page uses up the service",
    ),
    flaw(
        "CVE-2024-7254",
        "com.google.protobuf:protobuf-java",
        "3.25.4",
        "3.25.5",
        "HIGH",
        "Nested groups overflow the stack",
    ),
    flaw(
        "CVE-2023-34462",
        "io.netty:netty-handler",
        "4.1.93.Final",
        "4.1.94.Final",
        "MEDIUM",
        "A TLS greeting can allocate 16 MB",
    ),
    flaw(
        "CVE-2024-29025",
        "io.netty:netty-codec-http",
        "4.1.107.Final",
        "4.1.108.Final",
        "MEDIUM",
        "Form decoding has no limit",
    ),
    flaw(
        "CVE-2023-2976",
        "com.google.guava:guava",
        "31.1-jre",
        "32.0.0-jre",
        "MEDIUM",
        "Temporary files can be read by others",
    ),
    flaw(
        "CVE-2024-47554",
        "commons-io:commons-io",
        "2.13.0",
        "2.14.0",
        "MEDIUM",
        "A crafted XML stream uses up the processor",
    ),
    flaw(
        "CVE-2020-8908",
        "com.google.guava:guava",
        "31.1-jre",
        "32.0.0-jre",
        "LOW",
        "A temporary folder can be read by others",
    ),
];

const NODE: &[Flaw] = &[
    flaw("CVE-2021-23337", "lodash", "4.17.20", "4.17.21", "HIGH", "Command injection through templates"),
    flaw("CVE-2024-45590", "body-parser", "1.20.2", "1.20.3", "HIGH", "Crafted forms use up the service"),
    flaw("CVE-2024-21538", "cross-spawn", "7.0.3", "7.0.5", "HIGH", "A regular expression takes exponential time"),
    flaw("CVE-2022-25883", "semver", "7.5.1", "7.5.2", "HIGH", "A version range takes exponential time"),
    flaw("CVE-2023-26136", "tough-cookie", "4.1.2", "4.1.3", "CRITICAL", "Prototype pollution through cookies"),
    flaw(
        "CVE-2024-28849",
        "follow-redirects",
        "1.15.5",
        "1.15.6",
        "MEDIUM",
        "Proxy credentials follow to another host",
    ),
    flaw("CVE-2023-45857", "axios", "1.5.1", "1.6.0", "MEDIUM", "The anti-forgery token is sent to other hosts"),
    flaw("CVE-2024-29041", "express", "4.18.2", "4.19.2", "MEDIUM", "Malformed addresses redirect elsewhere"),
    flaw("CVE-2024-43796", "express", "4.18.2", "4.20.0", "LOW", "Redirects render untrusted text"),
    flaw("CVE-2024-47764", "cookie", "0.6.0", "0.7.0", "LOW", "Names and paths of cookies are not checked"),
];

const PYTHON: &[Flaw] = &[
    flaw("CVE-2023-50782", "cryptography", "41.0.7", "42.0.0", "HIGH", "RSA decryption leaks through its timing"),
    flaw("CVE-2024-26130", "cryptography", "42.0.2", "42.0.4", "HIGH", "A mismatched certificate ends the process"),
    flaw("CVE-2024-6345", "setuptools", "69.5.1", "70.0.0", "HIGH", "Package addresses can run code"),
    flaw("CVE-2023-43804", "urllib3", "1.26.16", "1.26.17", "HIGH", "Cookies follow redirects to another host"),
    flaw("CVE-2024-34069", "werkzeug", "3.0.2", "3.0.3", "HIGH", "The debugger can be reached from another site"),
    flaw("CVE-2023-32681", "requests", "2.30.0", "2.31.0", "MEDIUM", "Proxy credentials follow to another host"),
    flaw("CVE-2024-34064", "jinja2", "3.1.3", "3.1.4", "MEDIUM", "Attribute names can inject markup"),
    flaw("CVE-2024-37891", "urllib3", "1.26.18", "1.26.19", "MEDIUM", "Proxy authorisation survives redirects"),
    flaw("CVE-2024-39689", "certifi", "2024.2.2", "2024.7.4", "LOW", "Roots of a distrusted authority are included"),
];

const GO: &[Flaw] = &[
    flaw(
        "CVE-2023-44487",
        "golang.org/x/net",
        "v0.16.0",
        "0.17.0",
        "HIGH",
        "HTTP/2 streams reset in quick succession use up the server",
    ),
    flaw("CVE-2024-24790", "stdlib", "1.21.10", "1.21.11", "CRITICAL", "IPv4-mapped addresses are judged wrongly"),
    flaw(
        "CVE-2023-45288",
        "golang.org/x/net",
        "v0.22.0",
        "0.23.0",
        "MEDIUM",
        "Endless HTTP/2 continuation frames use up the processor",
    ),
    flaw("CVE-2024-34156", "stdlib", "1.22.6", "1.22.7", "HIGH", "Deeply nested gob messages overflow the stack"),
    flaw(
        "CVE-2024-45337",
        "golang.org/x/crypto",
        "v0.28.0",
        "0.31.0",
        "CRITICAL",
        "A misused SSH callback can let the wrong key in",
    ),
    flaw(
        "CVE-2023-48795",
        "golang.org/x/crypto",
        "v0.16.0",
        "0.17.0",
        "MEDIUM",
        "The start of an SSH session can be cut short",
    ),
    flaw("CVE-2024-24786", "google.golang.org/protobuf", "v1.32.0", "1.33.0", "MEDIUM", "Invalid JSON loops for ever"),
];
