-- That this database was made by the demonstration: at most one row.
create table demonstration (
    only_one boolean primary key default true check (only_one),
    issuer text not null,
    begun_at timestamptz not null,
    finished_at timestamptz
);
