-- One row: what is true of the whole ledger.
create table meta (
    one integer primary key check (one = 1),
    major integer not null,
    minor integer not null,
    redaction_key bytea not null
);

-- One row a run: where its chain ends, and what its entries come to.
create table head (
    chain bigint generated always as identity primary key,
    project text collate "C" not null,
    environment text collate "C" not null,
    run text collate "C" not null,
    next bigint not null,
    hash text not null,
    case_name text not null,
    opened_at bigint not null,
    passed_at bigint,
    damaged boolean not null,
    open boolean not null,
    summary text not null,
    unique (project, environment, run)
);

create index head_run on head (run);
create index head_opened on head (opened_at);
create index head_passed on head (project, environment, case_name, passed_at);
create index head_damaged on head (chain) where damaged;
create index head_open on head (chain) where open;

create table entry (
    chain bigint not null,
    seq bigint not null,
    bytes text not null,
    primary key (chain, seq)
);
