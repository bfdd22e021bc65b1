//! Every column that holds ciphertext: what `rampart admin key rotate` encrypts again and `rampart doctor` looks at.

/// A column of ciphertexts, with how SQL names the row as [`Place::row`](super::Place) does.
#[derive(Debug)]
pub(crate) struct Column {
    pub table: &'static str,
    pub column: &'static str,
    /// An expression over the table; unique in it.
    pub row: &'static str,
}

/// The closed list. Encrypting for a place that is not here fails in builds with assertions.
pub(crate) const COLUMNS: &[Column] = &[
    Column { table: "integration", column: "credential", row: "id::text" },
    Column { table: "person_key", column: "wrapped_key", row: "person_id::text" },
    Column { table: "session", column: "id_token", row: "id::text" },
    Column { table: "sign_in", column: "kept_form", row: "encode(state_hash, 'hex')" },
    Column { table: "sign_in", column: "verifier", row: "encode(state_hash, 'hex')" },
    Column { table: "source", column: "hook_secret", row: "id::text" },
    Column { table: "source", column: "token", row: "id::text" },
];

pub(crate) fn is_known(table: &str, column: &str) -> bool {
    COLUMNS.iter().any(|known| known.table == table && known.column == column)
}
