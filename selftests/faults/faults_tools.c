// SPDX-License-Identifier: MIT
/*
 * The tools' ways: each of their commands is a step, begun with the same store and the same files.
 * A command that says it is done has done it; one that does not says why.
 */
#include "world.h"
#include "core/messages.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS		24
#define PATIENCE_MS	20000

/* Words are cut at spaces; @ is the directory of the world. */
struct step {
	char store;		/* which is there: a, b; 0: no daemon */
	const char *command;
	const char *check;	/* what succeeds there once it is done; NULL: nothing is changed */
	const char *file;	/* that it makes, whole or not at all; NULL: none */
};

static const struct step repoctl_steps[] = {
	{ 'a', "card", NULL, NULL },
	{ 0, "officer key create @/new.pem", "test -s new.pem", "new.pem" },
	{ 'a', "region list", NULL, NULL },
	{ 'a', "region create hq2 --genesis @/hq2 --card CARD", "repoctl region list | grep -q hq2",
	  NULL },
	{ 'a', "region create hq3 --genesis @/hq3 --card CARD", NULL, "hq3" },
	{ 'b', "delegation create --card CARD", "repoctl delegation list", NULL },
	{ 'b', "delegation list", NULL, NULL },
	{ 'a', "dataset create d/new", "repoctl dataset show d/new", NULL },
	{ 'b', "dataset list", NULL, NULL },
	{ 'b', "dataset show d/session", NULL, NULL },
	{ 'b', "--json dataset list", NULL, NULL },
	{ 'a', "entity enrol @/pair --fingerprint FP --output @/made --address 127.0.0.1:1",
	  "repoctl entity show host-1", "made" },
	{ 'b', "entity list", NULL, NULL },
	{ 'b', "--json entity list", NULL, NULL },
	{ 'b', "entity show host-1", NULL, NULL },
	{ 'b', "entity revoke host-1", "repoctl entity list | grep -q revoked", NULL },
	{ 'b', "grant d/other host-1", "repoctl dataset show d/other | grep -q host-1", NULL },
	{ 'b', "instance add d/session --generate", NULL, NULL },
	{ 'b', "instance add d/group --file @/raw", NULL, NULL },
	{ 'b', "audit show", NULL, NULL },
	{ 'b', "--json audit show", NULL, NULL },
	{ 'b', "audit verify", NULL, NULL },
	{ 'b', "status", NULL, NULL },
	{ 'b', "region export @/snapshot", "test -s snapshot", "snapshot" },
	{ 0, "--offline @/region dataset list", NULL, NULL },
	{ 0, "--offline @/region entity revoke host-1 --propose @/made", "repoctl review made",
	  "made" },
	{ 0, "review @/unsigned", NULL, NULL },
	{ 0, "sign @/tosign", "repoctl review tosign | grep -q enough", NULL },
	{ 'b', "submit @/signed", "repoctl entity list | grep -q revoked", NULL },
	{ 'b', "officer list", NULL, NULL },
	{ 'b', "officer drill", NULL, NULL },
	{ 'b', "officer replace", "repoctl officer list | grep -q 'ANCHOR 2'", NULL },
	{ 0, "--help", NULL, NULL },
	/* the vault's passphrase takes half a second: what other steps have is not tried again */
	{ 'a', "entity enrol @/secret --fingerprint FS --output @/made --vault @/v --code @/code",
	  "repoctl entity show host-1", "made" },
};

static const struct step microhsm_steps[] = {
	{ 0, "--help", NULL, NULL },
	{ 0, "status", NULL, NULL },
	{ 0, "--json status", NULL, NULL },
	{ 0, "init alice", NULL, NULL },
	{ 0, "unlock", NULL, NULL },
	{ 0, "request alice --output @/r", NULL, NULL },
	{ 0, "join @/bundle", NULL, NULL },
	{ 0, "forget hq", NULL, NULL },
	{ 0, "fetch hq/d/session", NULL, NULL },
	{ 0, "keys", NULL, NULL },
	{ 0, "seal hq/d/session @/raw", NULL, NULL },
	{ 0, "open hq/d/session @/raw", NULL, NULL },
	{ 0, "sign @/raw", NULL, NULL },
	{ 0, "drain", NULL, NULL },
	{ 0, "agent --upstream 127.0.0.1:1", NULL, NULL },
};

struct tool_world {
	struct faults_world f;
	const struct step *steps;
	int most;			/* exit code of the man page */
	bool office;
	char card[MH_FINGERPRINT_LEN], fp[MH_FINGERPRINT_LEN], fs[MH_FINGERPRINT_LEN];
	char dir[64], key[96], bin[PATH_MAX];
	int code;			/* of the step, without a failure */
	off_t out, file;		/* lengths, the same */
};

/* ---- what is there from the beginning ---- */

static void fingerprint(const char *path, char out[MH_FINGERPRINT_LEN])
{
	struct mh_bytes b;
	u8 hash[MH_HASH_LEN];

	if (mh_file_read(path, MH_JOIN_REQUEST_MAX, &b))
		abort();
	mh_join_request_hash(mh_bytes_buf(&b), hash);
	mh_fingerprint(hash, out);
	mh_bytes_free(&b);
}

/* The ordinary repoctl, on whose PATH it is; as an officer, for a secret comes on its stdin */
static int by_shell(struct tool_world *t, const char *command)
{
	char cmd[2 * PATH_MAX];

	snprintf(cmd, sizeof(cmd),
		 "cd %s && export PATH=%s:$PATH MICROHSM_ADMIN=%s MICROHSM_REGION=hq && "
		 "officer() { repoctl --key o.pem --passphrase-fd 0 \"$@\" < pass; } && { %s; } "
		 "> shell.out 2>&1", t->dir, t->bin, t->f.c.w.admin, command);
	return system(cmd);
}

static void must_shell(struct tool_world *t, const char *command)
{
	if (!by_shell(t, command))
		return;
	fprintf(stderr, "faults: %s: see %s/shell.out\n", command, t->dir);
	abort();
}

static void must_start(struct tool_world *t)
{
	if (rd_start(&t->f.c.w))
		abort();
}

static void keep(struct tool_world *t, char name)
{
	struct rd_world *w = &t->f.c.w;

	rd_stop(w, SIGTERM);
	rd_sh("cd %s && rm -rf s.%c k.%c && cp -r s s.%c && cp -r k k.%c", w->dir, name, name,
	      name, name);
}

static void read_card(struct tool_world *t)
{
	char path[96];
	FILE *f;

	snprintf(path, sizeof(path), "%s/card", t->dir);
	f = fopen(path, "r");
	if (!f || !fgets(t->card, sizeof(t->card), f))
		abort();
	t->card[strcspn(t->card, "\n")] = 0;
	fclose(f);
}

/* A Region, and another whose genesis is known: store a; with a host and its key: store b */
static void make_office(struct tool_world *t)
{
	struct rd_world *w = &t->f.c.w;
	char cmd[256];

	snprintf(cmd, sizeof(cmd), "%s/pair", w->dir);
	fingerprint(cmd, t->fp);
	snprintf(cmd, sizeof(cmd), "%s/secret", w->dir);
	fingerprint(cmd, t->fs);
	must_start(t);
	must_shell(t, "repoctl officer key create o.pem --passphrase-fd 0 < pass && repoctl card | "
		      "sed 's/.* //' > card");
	read_card(t);
	must_shell(t, "for r in hq hq2; do officer region create $r --genesis $r --card "
		      "$(cat card); done 2>&1 | "
		      "sed -n 's/.*\\(genesis = [a-z2-7-]*\\).*/\\1/p' >> ini");
	rd_stop(w, SIGTERM);
	must_start(t);
	must_shell(t, "officer region create hq --genesis hq --card $(cat card) && officer dataset "
		      "create d/group --mode group --algorithm raw && officer dataset create "
		      "d/session && officer dataset create d/other");
	keep(t, 'a');
	must_start(t);
	snprintf(cmd, sizeof(cmd),
		 "officer entity enrol pair --fingerprint %s --output first --address 127.0.0.1:1",
		 t->fp);
	must_shell(t, cmd);
	must_shell(t, "officer grant d/session host-1 && officer grant d/group host-1 && officer "
		      "instance add d/session --generate");
	must_shell(t, "repoctl region export region && officer entity revoke host-1 --propose "
		      "signed && repoctl entity revoke host-1 --propose unsigned");
	keep(t, 'b');
}

static void setup(void *world)
{
	struct tool_world *t = world;
	char *here = realpath("build/bin", NULL);

	if (!here)
		abort();
	snprintf(t->bin, sizeof(t->bin), "%s", here);
	free(here);
	faults_directory(t->dir);
	rd_setup(&t->f.c.w, t->dir, NULL);
	/* a seed's first byte says which parser it is for */
	rd_sh("for f in pair secret bundle; do tail -c +2 selftests/fuzz/seeds/enrol/$f > %s/$f; "
	      "done", t->dir);
	rd_sh("cd %s && head -c 32 /dev/urandom > raw && printf 'tea\\ncoffee\\n' > pass", t->dir);
	if (t->office)
		make_office(t);
}

/* ---- one command ---- */

/* Its words, with what stands for something in them */
static void words(struct tool_world *t, const char *command, char *buf, size_t size,
		  char *argv[WORDS])
{
	unsigned int n = 0;
	char *save = NULL, *at = buf;

	argv[n++] = t->office ? "repoctl" : "microhsm";
	for (const char *c = command; *c; c++) {
		const char *put = *c == '@' ? t->dir : !strncmp(c, "FP", 2) ? t->fp :
				  !strncmp(c, "FS", 2) ? t->fs : !strncmp(c, "CARD", 4) ? t->card :
				  NULL;
		int len = put ? snprintf(at, size, "%s", put) : snprintf(at, size, "%c", *c);

		c += put == t->card ? 3 : put && put != t->dir;
		at += len;
		size -= (size_t)len;
	}
	for (char *w = buf; n < WORDS - 4 && (w = strtok_r(w, " ", &save)); w = NULL)
		argv[n++] = w;
	if (t->office) {
		argv[n++] = "--key";
		argv[n++] = t->key;
		argv[n++] = "--passphrase-fd=0";
	}
	argv[n] = NULL;
}

static int command(struct tool_world *t, const char *words_of)
{
	char buf[1024], pass[96], out[96], said[96], *argv[WORDS];
	int status;
	pid_t pid;

	snprintf(t->key, sizeof(t->key), "%s/o.pem", t->dir);
	snprintf(pass, sizeof(pass), "%s/pass", t->dir);
	snprintf(out, sizeof(out), "%s/out", t->dir);
	snprintf(said, sizeof(said), "%s/said", t->dir);
	words(t, words_of, buf, sizeof(buf), argv);
	atomic_store(&faults_map->armed, true);
	pid = fork();
	if (!pid) {
		setenv("MICROHSM_ADMIN", t->f.c.w.admin, 1);
		setenv("MICROHSM_REGION", "hq", 1);
		faults_exec(argv, pass, out, said);
	}
	for (int ms = 0; waitpid(pid, &status, WNOHANG) != pid; ms++) {
		if (ms == PATIENCE_MS) {
			faults_wrong("it does not end");
			kill(pid, SIGKILL);
		}
		usleep(1000);
	}
	atomic_store(&faults_map->armed, false);
	faults_ended(argv[0], status, t->most, said);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static off_t length(struct tool_world *t, const char *name)
{
	char path[96];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", t->dir, name);
	return name && !stat(path, &st) ? st.st_size : -1;
}

/* It does not say why a key is not read or a signature does not verify; its leaks are its own. */
static bool of_libcrypto(int code)
{
	return code == MH_EXIT_BAD_INPUT || code == MH_EXIT_DENIED || code == FAULTS_ASAN;
}

/* What it says of itself is so. */
static void compare(struct tool_world *t, const struct step *s, int code)
{
	off_t file = length(t, s->file);

	/* nobody is denied, nor is anything malformed or not there, because a call failed */
	if (code && code != t->code && code != MH_EXIT_FAILED && code != MH_EXIT_UNREACHABLE &&
	    !(faults_map->crypto_at && of_libcrypto(code)))
		faults_wrong("exit code %d for a call that failed", code);
	if (code && !length(t, "said"))
		faults_wrong("exit code %d, and not a word", code);
	if (!code && length(t, "out") != t->out)
		faults_wrong("exit code 0, and %lld bytes of output, not %lld",
			     (long long)length(t, "out"), (long long)t->out);
	if (s->file && file != t->file && (!code || file >= 0))
		faults_wrong("exit code %d, and %s has %lld bytes, not %lld", code, s->file,
			     (long long)file, (long long)t->file);
	if (!code && s->check && by_shell(t, s->check))
		faults_wrong("exit code 0, and it is not done");
}

static void run(void *world, unsigned int step, bool first)
{
	struct tool_world *t = world;
	const struct step *s = &t->steps[step];
	struct rd_world *w = &t->f.c.w;
	int code;

	rd_sh("cd %s && rm -rf new.pem hq3 made snapshot v v.lock code r sealed && "
	      "{ cp -f unsigned tosign 2> /dev/null || true; }", t->dir);
	if (s->store) {
		rd_sh("cd %s && rm -rf s k && cp -r s.%c s && cp -r k.%c k", t->dir, s->store,
		      s->store);
		must_start(t);
	}
	code = command(t, s->command);
	if (first) {
		t->code = code;
		t->out = length(t, "out");
		t->file = length(t, s->file);
		if (s->check && code)
			faults_wrong("%s: exit code %d", s->command, code);
	}
	/* a failure may end as what goes wrong without one, or well, or badly: as it says */
	if (code >= 0)
		compare(t, s, code);
	if (s->store)
		rd_stop(w, SIGKILL);
}

static void end(void *world)
{
	struct tool_world *t = world;

	rd_sh("rm -rf %s", t->dir);
	mh_bytes_free(&t->f.c.w.anchor);
}

static struct tool_world officers = { .steps = repoctl_steps, .most = 8, .office = true };
static struct tool_world host = { .steps = microhsm_steps, .most = 9 };
const struct faults_way faults_repoctl = { "repoctl", "build/asan/bin/repoctl",
					   ARRAY_SIZE(repoctl_steps), setup, run, end, &officers };
const struct faults_way faults_microhsm = { "microhsm", "build/asan/bin/microhsm",
					    ARRAY_SIZE(microhsm_steps), setup, run, end, &host };
