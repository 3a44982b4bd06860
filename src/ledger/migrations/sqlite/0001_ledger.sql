-- One row: what is true of the whole ledger.
create table meta (
    one integer primary key check (one = 1),
    major integer not null,
    minor integer not null,
    redaction_key blob not null
) strict;

-- One row a run: where its chain ends, and what its entries come to.
create table head (
    chain integer primary key,
    project text not null,
    environment text not null,
    run text not null,
    next integer not null,
    hash text not null,
    case_name text not null,
    opened_at integer not null,
    passed_at integer,
    damaged integer not null,
    open integer not null,
    summary text not null,
    unique (project, environment, run)
) strict;

create index head_run on head (run);
create index head_opened on head (opened_at);
create index head_passed on head (project, environment, case_name, passed_at);
create index head_damaged on head (chain) where damaged = 1;
create index head_open on head (chain) where open = 1;

create table entry (
    chain integer not null,
    seq integer not null,
    bytes text not null,
    primary key (chain, seq)
) strict, without rowid;
