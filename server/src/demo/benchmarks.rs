//! What a benchmark says about the demonstration's clusters, written as kube-bench writes it.

use serde_json::{Value, json};

/// Number, section, words, and what kind of node it looks at; the controls are those of the benchmark, the words ours.
const CONTROLS: &[(&str, &str, &str, &str)] = &[
    ("1.1.1", "1.1", "API server's manifest can be written by root alone", "master"),
    ("1.1.2", "1.1", "API server's manifest belongs to root", "master"),
    ("1.1.11", "1.1", "etcd's data folder is closed to others", "master"),
    ("1.1.12", "1.1", "etcd's data folder belongs to etcd", "master"),
    ("1.2.1", "1.2", "Anonymous requests are refused by the API server", "master"),
    ("1.2.6", "1.2", "Kubelets' certificates are checked", "master"),
    ("1.2.7", "1.2", "Not every request is allowed", "master"),
    ("1.2.9", "1.2", "Role-based access control is on", "master"),
    ("1.2.16", "1.2", "Nodes may change their own objects only", "master"),
    ("1.2.22", "1.2", "Requests are written to an audit log", "master"),
    ("1.2.23", "1.2", "Audit logs are kept 30 days", "master"),
    ("1.2.33", "1.2", "Secrets are encrypted in etcd", "master"),
    ("1.3.2", "1.3", "Profiling of the controller manager is off", "master"),
    ("1.4.1", "1.4", "Profiling of the scheduler is off", "master"),
    ("2.1", "2", "etcd speaks TLS", "etcd"),
    ("2.2", "2", "etcd asks its clients for certificates", "etcd"),
    ("3.1.1", "3.1", "People do not sign in with client certificates", "controlplane"),
    ("3.2.1", "3.2", "There is an audit policy", "controlplane"),
    ("4.1.1", "4.1", "Kubelet's unit file can be written by root alone", "node"),
    ("4.2.1", "4.2", "Anonymous requests are refused by kubelets", "node"),
    ("4.2.2", "4.2", "Kubelets ask the API server who may", "node"),
    ("4.2.6", "4.2", "Kernel settings are protected", "node"),
    ("5.1.1", "5.1", "Few people are cluster administrators", "policies"),
    ("5.2.1", "5.2", "Privileged containers are kept out", "policies"),
];

/// A report in which controls whose place is divided by `every` fail.
pub fn kube_bench(every: usize) -> Vec<u8> {
    let mut groups: Vec<Value> = Vec::new();
    for node in ["master", "etcd", "controlplane", "node", "policies"] {
        let of_node = CONTROLS.iter().enumerate().filter(|(_, control)| control.3 == node);
        let mut tests: Vec<Value> = Vec::new();
        for (place, (number, section, words, _)) in of_node {
            let manual = matches!(*number, "3.1.1" | "5.1.1");
            let status = match (manual, (place + 1) % every == 0) {
                (true, _) => "WARN",
                (false, true) => "FAIL",
                (false, false) => "PASS",
            };
            let result = json!({
                "test_number": number, "test_desc": words, "status": status, "scored": !manual,
                "type": if manual { "manual" } else { "" },
                "remediation": format!("See control {number} of the benchmark for the setting, and restart the component."),
            });
            match tests.last_mut().filter(|test| test["section"] == *section) {
                Some(test) => test["results"].as_array_mut().expect("made just below").push(result),
                None => tests.push(json!({ "section": section, "desc": node, "results": [result] })),
            }
        }
        groups.push(json!({ "version": "cis-1.8", "node_type": node, "tests": tests }));
    }
    serde_json::to_vec(&json!({ "Controls": groups })).expect("JSON is written to memory")
}
