#pragma once

#include "daemon/model.hpp"
#include "daemon/registry/sql.hpp"

// Rows in and out of the tables. Throws SQLite::Exception. For daemon/registry/*.cpp only.

namespace ckpt::daemon::rows {

void put(SQLite::Database& db, const JobRow& job);
void put(SQLite::Database& db, JobId job, const SubmissionRow& row);
void put(SQLite::Database& db, JobId job, const AttemptRow& row);
void put(SQLite::Database& db, JobId job, const GenerationRow& row);
void add_event(SQLite::Database& db, std::optional<JobId> job, const EventRow& event);

/// SELECT of the job columns, in the order that read_job reads; "… WHERE" is the caller's.
extern const char* const kSelectJob;
JobRow read_job(SQLite::Statement& row);
/// Fills in everything that belongs to model.job.
void load_parts(SQLite::Database& db, JobModel& model);

} // namespace ckpt::daemon::rows
