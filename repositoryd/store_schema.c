// SPDX-License-Identifier: MIT
/*
 * The SQLite schema.  A later version adds its migration to migrations in
 * store_sqlite.c; PRAGMA user_version tells which one a file has.
 */
#include "store_sqlite.h"

/*
 * statement.k1, k2, k3 are what a type is looked up by:
 *	MEMBER		member			-		kind
 *	INSTANCE	DataSet			version		tombstone
 *	DELEGATION	key			-		role
 *	REVOKE		subject, or leaf	up to		target's type, or 0
 *	EPOCH		-			issued		-
 * secret.kind: enum mh_secret; all sealed by the keeper.
 */
const char mh_store_schema_sqlite[] =
	"CREATE TABLE region ("
	" id BLOB PRIMARY KEY, label TEXT NOT NULL, anchor INTEGER NOT NULL,"
	" revokes INTEGER NOT NULL, restart INTEGER NOT NULL, running BLOB NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE statement ("
	" region BLOB NOT NULL, type INTEGER NOT NULL, subject BLOB NOT NULL, serial INTEGER NOT "
	"NULL,"
	" leaf BLOB NOT NULL, k1 BLOB, k2 INTEGER, k3 INTEGER, ke_kid BLOB, bytes BLOB NOT NULL,"
	" UNIQUE (region, type, subject, serial), UNIQUE (region, leaf));"
	"CREATE INDEX statement_k ON statement (region, type, k1, k2) WHERE k1 IS NOT NULL;"
	"CREATE INDEX statement_ke ON statement (ke_kid) WHERE ke_kid IS NOT NULL;"
	"CREATE TABLE secret ("
	" kind INTEGER NOT NULL, kid BLOB NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (kind, kid)) "
	"WITHOUT ROWID;"
	"CREATE TABLE data (sha256 BLOB NOT NULL UNIQUE, length INTEGER NOT NULL, bytes BLOB NOT "
	"NULL);"
	"CREATE TABLE wrap ("
	" k BLOB NOT NULL, kw BLOB NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (k, kw)) WITHOUT "
	"ROWID;"
	"CREATE TABLE audit (seq INTEGER PRIMARY KEY, region BLOB NOT NULL, record BLOB NOT NULL);"
	"CREATE TABLE checkpoint (seq INTEGER PRIMARY KEY, bytes BLOB NOT NULL);";
