/** A promise, the spec file under libs/ftp-engine/src (or, with a leading slash, of the repository) that proves it, and the beginning of the test's name. */
export interface Proof {
  readonly promise: string;
  readonly file: string;
  readonly test: string;
}

const COMMANDS = 'commands/session-commands.spec.ts';
const TRANSFERS = 'commands/transfer-commands.spec.ts';
const DATA = 'commands/data-connections.spec.ts';
const CONTROL = 'control/control-channel.spec.ts';
const TLS = 'tls/tls-sessions.spec.ts';
const ENGINE = 'ftp-engine.spec.ts';
const SEMANTICS = 'semantics.spec.ts';
const FILES = 'filesystem/account-file-system.spec.ts';
const ANONYMOUS = 'commands/anonymous.spec.ts';
const PARSER = 'control/command-parser.spec.ts';
const POOL = 'data/passive-pool.spec.ts';
const PROXY = 'proxy/proxy-protocol.spec.ts';
const CONTEXTS = 'tls/certificate-contexts.spec.ts';
const ASCII = 'transfer/ascii.spec.ts';
const LIVE = 'transfer/live-limits.spec.ts';
const LEDGER = '/libs/database/src/quota/quota-ledger.db-spec.ts';
const STORAGE = '/libs/storage/src/conformance.ts';
const THROTTLE = '/libs/domain/src/access/login-throttle.spec.ts';
const HASHER = '/libs/passwords/src/password-hasher.spec.ts';
const VERIFIED = '/libs/passwords/src/verified-passwords.spec.ts';
const QUOTA_E2E = '/test/e2e/quota.e2e-spec.ts';
const CRASHES = '/test/e2e/crashes.e2e-spec.ts';
const ROLLING = '/test/e2e/rolling-restart.e2e-spec.ts';
const TLS_E2E = '/test/e2e/tls.e2e-spec.ts';

/** Promises about one subject. */
export interface RuleSection {
  readonly title: string;
  readonly rules: readonly Proof[];
}

function proofs(rows: readonly (readonly [promise: string, file: string, test: string])[]): readonly Proof[] {
  return rows.map(([promise, file, test]) => ({ promise, file, test }));
}

/** Rows of the protocol's contract, in its order. What one engine alone cannot show is proved by the spec that can. */
export const RULES: readonly RuleSection[] = [
  {
    title: 'Quota',
    rules: proofs([
      ['A full quota is 552 before the 150', TRANSFERS, 'are refused with 552 before the 150'],
      ['A full disk is 452, before the 150 and in the middle', SEMANTICS, 'a full disk is 452'],
      [
        'The limit is the last byte stored, then 552; nothing is kept',
        TRANSFERS,
        'stop at the exact byte of the quota',
      ],
      ['A file that ends exactly at the limit is stored', SEMANTICS, 'a file that ends exactly at the limit'],
      ['A file larger than the policy allows is 552', FILES, 'on the file size are 552'],
      [
        'The number of files is limited before the 150',
        LEDGER,
        'is refused where the bytes are used up, and where files are',
      ],
      ['MKD takes no room', SEMANTICS, 'a file that ends exactly at the limit'],
      ['An overwrite that does not grow is allowed at the limit', QUOTA_E2E, 'may make a file smaller, not larger'],
      ['An overwrite is charged the difference and no file', TRANSFERS, 'charge the difference and no file'],
      [
        'APPE is charged what it adds; REST and STOR the difference',
        TRANSFERS,
        'append with APPE and overwrite the tail',
      ],
      ['REST beyond the end is 554 at the transfer command', TRANSFERS, 'refuse REST beyond the end with 554'],
      ['REST takes digits only: 501', SEMANTICS, 'REST takes the digits of a position'],
      ['STOU tells its name in the 150', TRANSFERS, 'give STOU a name of its own'],
      ['RNTO onto a file needs the right to overwrite: 553', FILES, 'need overwrite for STOR and RNTO'],
      [
        'RNTO over the quota of another space is 553, nothing moves',
        FILES,
        'refuse a rename over the quota of the target',
      ],
      ['A deletion credits the space', QUOTA_E2E, 'has room as soon as a deletion is answered'],
      ['The oldest of competing uploads wins', LEDGER, 'lets the oldest win'],
      ['Of two uploads to one name the last commit wins', STORAGE, 'lets the last of two uploads to one name win'],
      ['A partial that another upload continues is busy', STORAGE, 'gives a partial to one of two claimers'],
      ['A limit below what is used keeps the data and denies growth', LEDGER, 'below what is used keeps the data'],
      ['Reservations of dead workers come back', LEDGER, 'of a dead worker end at once'],
      ['ASCII uploads are charged what is stored', TRANSFERS, 'convert line ends in ASCII mode'],
      ['RETR with the month’s traffic used up is 450', LIVE, 'are refused before the 150 when the month'],
      ['AVBL and SITE QUOTA tell what is left', SEMANTICS, 'a file that ends exactly at the limit'],
    ]),
  },
  {
    title: 'Uploads, disconnects, ABOR',
    rules: proofs([
      ['A graceful end is 226, with bytes and SHA-256', TRANSFERS, 'answer 226 with bytes and SHA-256'],
      ['A reset upload is 426, the old file stays', TRANSFERS, 'keep the old file and answer 426'],
      ['A TLS upload without close_notify is 426 in strict mode', DATA, 'needs close_notify in strict mode'],
      ['… and 226 in compat mode', DATA, 'needs none in compat mode'],
      ['A lost control connection is no complete upload', TRANSFERS, 'are dropped when the control connection is lost'],
      ['… also where commands wait before its end', TRANSFERS, 'end by an ABOR behind a full queue'],
      ['ABOR in a transfer is 426, then 226', TRANSFERS, 'answer 426 and then 226 to ABOR'],
      ['ABOR before the data connection is 426, then 226', TRANSFERS, 'answer 426 and 226 to ABOR while the client'],
      ['ABOR after the 226 is 226', SEMANTICS, 'after their 226 have nothing to abort'],
      ['ABOR without a transfer is 226', CONTROL, 'answers ABOR with 226 where nothing runs'],
      ['ABOR with a data connection at rest is 225', DATA, 'answers ABOR with 225 while a connection waits'],
      ['ABOR with Telnet controls before it', PARSER, 'finds ABOR behind what is left of Telnet controls'],
      ['QUIT in a transfer: 226, then 221', TRANSFERS, 'finish before QUIT is answered'],
      ['ALLO with another size is incomplete', TRANSFERS, 'are incomplete when ALLO announced another size'],
      ['A stalled upload is 426, the session goes on', DATA, 'an upload without data for too long is 426'],
      ['A kick is 426, then 421', ENGINE, 'stops the upload of a kicked session'],
      ['Commands in a transfer wait, replies stay in order', CONTROL, 'runs nothing while a command runs'],
      ['STAT in a transfer is answered at once', CONTROL, 'answers STAT in the middle of a transfer'],
      ['A staged upload is resumed by REST and SIZE', TRANSFERS, 'resume: the staged size shows'],
      ['DELE drops the staged bytes first', TRANSFERS, 'DELE journals around the removal'],
      ['A fresh STOR starts over', TRANSFERS, 'moves the reservation of a partial to the fresh STOR'],
      ['Upload mode direct: the partial stays and is resumed', SEMANTICS, 'in mode direct show as they arrive'],
      ['The commit is on record before the name is switched', TRANSFERS, 'answer 226 with bytes and SHA-256'],
      ['A spool that cannot record is 451', TRANSFERS, 'answer 451 when nothing can be journalled'],
      ['kill -9 leaves the commit with its event, or neither', CRASHES, 'kill -9 under load'],
    ]),
  },
  {
    title: 'Login',
    rules: proofs([
      ['USER is 331 whatever the name', COMMANDS, 'asks for a password whatever the name'],
      ['Every refused login reads the same', COMMANDS, 'gives one reply for every refusal'],
      ['PASS without USER is 503', SEMANTICS, 'wants USER before PASS'],
      ['A second USER restarts the login', COMMANDS, 'starts the sequence again with a second USER'],
      ['USER after login is 503', SEMANTICS, 'wants USER before PASS'],
      ['Failed logins are delayed, also pipelined ones', COMMANDS, 'delays each failure longer'],
      ['After five failures 421', COMMANDS, 'closes with 421 after too many failures'],
      ['Connection limits and bans are 421 before the 220', ENGINE, 'refuses connections beyond its limits'],
      [
        'Bans are by account and source, never of the account alone',
        THROTTLE,
        'cannot be used by strangers to lock an account',
      ],
      ['A right password that something else refuses does not count', THROTTLE, 'does not count a right password'],
      ['A source with good logins has a higher bound', THROTTLE, 'gives known-good sources more room'],
      ['Hashing is bounded and queued', HASHER, 'refuses attempts beyond the queue'],
      ['Verified passwords are remembered for a while', VERIFIED, 'remembers a password for its credential'],
      ['An empty password never matches', HASHER, 'never matches an empty password'],
      ['Passwords are taken byte for byte', COMMANDS, 'takes passwords byte for byte'],
      ['Other protocols are closed at once', CONTROL, 'closes at once what speaks another protocol'],
      ['Lines over 4 KiB are 500, then the end', CONTROL, 'answers an overlong line with 500'],
      ['Commands before login are limited', CONTROL, 'limits the commands before login'],
    ]),
  },
  {
    title: 'TLS',
    rules: proofs([
      [
        'AUTH TLS, TLS-C and SSL are 234, others 504, a second one 503',
        SEMANTICS,
        'is offered by AUTH TLS, TLS-C and SSL',
      ],
      ['AUTH without a certificate is 431', COMMANDS, 'leaves out of FEAT what the server does not have'],
      ['Bytes behind AUTH never run', TLS, 'never runs what followed AUTH'],
      ['AUTH starts the session over', TLS, 'starts over after AUTH'],
      ['A handshake that fails is dropped', TLS, 'closes when plain text comes instead'],
      ['PBSZ and PROT by state: 503, 504, 534, 536', COMMANDS, 'is refused or required by state'],
      ['PROT is C after AUTH TLS, P after AUTH SSL', TLS, 'takes PROT P for granted after AUTH SSL'],
      ['PROT is P on an implicit listener', TLS, 'greets inside TLS with protected data connections'],
      ['A transfer in clear is 521, PASV is not', SEMANTICS, 'asks for PBSZ before PROT'],
      ['150 before the data handshake', DATA, 'say 150 before the handshake'],
      ['A data handshake that fails is 522', DATA, 'that fail in the handshake are 522'],
      ['Required session reuse: 522 for another session', TLS, 'must resume the own control session'],
      ['Preferred session reuse refuses nobody', TLS, 'may be full handshakes where reuse is preferred'],
      ['USER without TLS where it is required is 530', TLS, 'refuses USER in clear where TLS is required'],
      ['An account that must use TLS: 331, then 530', SEMANTICS, 'of an account that must use TLS'],
      ['CCC is 533 in clear, 500 in TLS', COMMANDS, 'is refused or required by state'],
      ['REIN keeps TLS and needs a login', SEMANTICS, 'stays on after REIN'],
      ['No tickets on data connections', CONTEXTS, 'sends tickets on control connections and none'],
      ['Tickets are bound to their control session', CONTEXTS, 'does not resume a ticket of another control session'],
      ['close_notify both ways', DATA, 'say 150 before the handshake'],
      ['A new certificate serves new connections', TLS, 'are replaced for new connections'],
      ['TLS 1.1 is refused', CONTEXTS, 'refuses TLS 1.1'],
      ['SNI and HOST choose the tenant’s certificate', TLS, 'are those of the tenant that SNI names'],
      ['… also where keys are of different kinds', TLS, 'are the tenant’s whatever kinds of keys'],
      [
        'A client certificate that names the account: USER is 232',
        'tls/client-certificates.spec.ts',
        'that name the account answer USER with 232',
      ],
      [
        'A client certificate that does not stand counts as none',
        'tls/client-certificates.spec.ts',
        'count as none where none is shown',
      ],
    ]),
  },
  {
    title: 'Representation',
    rules: proofs([
      ['The type is ASCII at first', SEMANTICS, 'begins as ASCII'],
      ['TYPE A, I and L 8 are 200, others 504, junk 501', COMMANDS, '%j is answered %d'],
      ['RETR in ASCII makes CRLF and doubles none', ASCII, 'sends LF as CRLF'],
      ['STOR in ASCII makes LF and keeps a bare CR, wherever chunks are cut', ASCII, 'stores CRLF as LF'],
      ['SIZE in ASCII is 550', SEMANTICS, 'begins as ASCII'],
      ['REST in ASCII is refused, at the latest by the transfer: 504', TRANSFERS, 'convert line ends in ASCII mode'],
      ['Listings have CRLF in every type', SEMANTICS, 'listings have CRLF in every type'],
      ['STRU F and MODE S are 200, others 504', COMMANDS, '%j is answered %d'],
    ]),
  },
  {
    title: 'Facts and names',
    rules: proofs([
      ['MLSD has the grammar of RFC 3659', TRANSFERS, 'MLSD lines have the grammar'],
      ['MLSD of a file is 501, of nothing 550; MLST has three lines', SEMANTICS, 'MLSD of a file is 501'],
      ['size is of files only', SEMANTICS, 'directories show no size'],
      ['perm is what the policy allows', FILES, 'gives every permission in the perm fact'],
      ['unique is equal for hard links', SEMANTICS, 'unique is equal for hard links'],
      ['OPTS MLST chooses facts', COMMANDS, 'marks in FEAT what OPTS chose'],
      ['X.sha256 is the receipt of the upload', TRANSFERS, 'X.sha256 is the receipt'],
      ['MDTM and MFMT: 213, 550, 501', TRANSFERS, 'MDTM, MFMT and the MDTM that sets'],
      ['MFMT tells the time that the disk kept', TRANSFERS, 'MFMT tells the time'],
      ['Names with CR, LF or NUL cannot be made: 553', SEMANTICS, 'keep backslashes and cannot hold line ends'],
      ['Names are composed, other bytes kept', FILES, 'are kept byte for byte where they are no UTF-8'],
      ['MKD is 257 with the account’s path, quotes doubled', TRANSFERS, 'MKD answers 257 with the quoted path'],
      ['HASH: 213, of a folder 553; RANG chooses a part', TRANSFERS, 'HASH is of the part that RANG chose'],
    ]),
  },
  {
    title: 'Data connections',
    rules: proofs([
      ['EPSV by family: 229, 522', DATA, 'answers EPSV by family'],
      ['EPSV ALL holds for the session', DATA, 'answers EPSV by family'],
      ['PASV over IPv6 is 425', SEMANTICS, 'PASV over IPv6 is 425'],
      ['227 has the public address of the listener or the client’s network', DATA, 'announces the public address'],
      ['50 sessions share 4 passive ports', DATA, 'lets 50 sessions share 4 ports'],
      ['The same with TLS and without, reuse preferred and required', DATA, 'the same, every other one over TLS'],
      ['Under required reuse the ticket finds the taker', TLS, 'takes the connection with the ticket'],
      ['A late connection never meets another session', POOL, 'keeps a port for whoever asked for it'],
      ['Ports cannot be foretold', SEMANTICS, 'ports come in no order'],
      ['A new PASV replaces the last one', SEMANTICS, 'a new PASV takes the place'],
      ['Every port in use is 425', POOL, 'refuses with data.no-connection'],
      ['A stranger on a data port is dropped, the owner served', DATA, 'drops a stranger and serves the owner'],
      ['The client may connect after the transfer command', TRANSFERS, 'take a connection that comes after'],
      ['A client that does not connect is 425', DATA, 'answers 425 when nobody connects'],
      ['PORT to another address is 501, to a low port 504', DATA, 'refuses other addresses, low ports'],
      ['Active mode off is 502', DATA, 'is 502 where the listener has it off'],
      ['PROXY headers count from trusted networks only', PROXY, 'takes no header from anybody else'],
      ['A proxy’s connection without a header is closed', PROXY, 'closes connections of the proxy that do not begin'],
      ['PROXY v1 and v2, IPv4 and IPv6', PROXY, 'reads both versions'],
      ['PROXY LOCAL and UNKNOWN are the proxy itself', PROXY, 'greets the proxy’s own checks'],
      [
        'A PROXY header before TLS, and the ticket of a data connection behind it',
        PROXY,
        'looks for the ticket behind',
      ],
      ['A PROXY header that is too long, or not whole in 3 s, is dropped', PROXY, 'drops headers that are too long'],
    ]),
  },
  {
    title: 'Anonymous',
    rules: proofs([
      ['Visitors read and list', ANONYMOUS, 'reads and lists'],
      ['They change nothing: 550', ANONYMOUS, 'may not %s'],
      ['They store only in the drop box', ANONYMOUS, 'may not store, append or overwrite'],
      ['They leave files there and see none', ANONYMOUS, 'leaves files in the drop box'],
      ['Refused names are 553', ANONYMOUS, 'is refused names that the policy'],
    ]),
  },
  {
    title: 'Timeouts and ends',
    rules: proofs([
      ['The login has a deadline', CONTROL, 'ends a connection that does not log in'],
      ['An idle session is 421', ENGINE, 'ends idle sessions with its own clock'],
      ['The idle timer rests during transfers', ENGINE, 'does not count a slow transfer as idle'],
      ['A data connection that stays unused is 421', ENGINE, 'ends sessions whose data connection stays unused'],
      ['A stalled download is 426', DATA, 'a download that the client does not read'],
      ['A drain lets transfers finish', ENGINE, 'drains: refuses new connections'],
      ['A change of the rules reaches running transfers', LIVE, 'a change of the rules during an upload'],
      ['A rolling restart fails no transfer', ROLLING, 'finish what runs and lose no connection'],
    ]),
  },
  {
    title: 'HOST and tenants',
    rules: proofs([
      [
        'A known host is 220 with its welcome; the last one holds; 503 after login',
        TLS,
        'chooses the tenant, the last one holding',
      ],
      ['HOST starts the login over', TLS, 'starts the login over'],
      ['Unknown hosts and other literals are 504, bad syntax 501', TLS, '%j is answered %d'],
      ['HOST must match the name of the handshake', TLS, 'must match the server name of the handshake'],
      ['SNI completes a bare login name', TLS_E2E, 'lets a client log in with the bare name'],
    ]),
  },
  {
    title: 'FEAT',
    rules: proofs([
      ['FEAT lists exactly its features', COMMANDS, 'lists exactly these features'],
      ['FEAT leaves out what is not configured', COMMANDS, 'leaves out of FEAT what the server does not have'],
      ['What clients send before login is answered', COMMANDS, 'answers before login what clients send'],
    ]),
  },
];

/** Defects of ftp-srv 4.6.3 that must not come back. */
export const DEFECTS = proofs([
  ['Data TLS handshake before the 150', DATA, 'say 150 before the handshake'],
  ['Plain text injected behind AUTH TLS', TLS, 'never runs what followed AUTH'],
  ['No line buffer', 'control/line-reader.spec.ts', 'finds the same lines however the bytes are cut'],
  ['Control socket paused in transfers', CONTROL, 'answers STAT in the middle of a transfer'],
  ['Partial file at its name after control loss', TRANSFERS, 'are dropped when the control connection is lost'],
  ['REST and STOR truncate the file', TRANSFERS, 'append with APPE and overwrite the tail'],
  ['Quotes and dashes stripped from arguments', COMMANDS, 'takes passwords byte for byte'],
  ['USER locked after a failure', COMMANDS, 'starts the sequence again with a second USER'],
  ['Idle timer kills uploads', ENGINE, 'does not count a slow transfer as idle'],
  ['A stranger on the data port ends the session', DATA, 'drops a stranger and serves the owner'],
  ['MKD tells the host path', TRANSFERS, 'MKD answers 257 with the quoted path'],
  ['Five ports probed, then 425', 'data/passive-pool.spec.ts', 'lets many sessions of one address share few ports'],
  ['PROT C refused', COMMANDS, 'is refused or required by state'],
  ['process.exit on signals', 'frame/ftp-srv-seams.spec.ts', 'adds one handler per signal'],
  ['A reset on a fresh passive connection ends the process', DATA, 'survives a reset of an unused connection'],
  ['234 before TLS is armed', TLS, 'loses no handshake of many at once'],
  ['A 64 KB line is split and its tail run', 'control/line-reader.spec.ts', 'reports an overlong line once'],
  ['Unread replies fill memory', CONTROL, 'runs nothing for a client that reads no replies'],
  ['Ports below 1024 accepted in PORT', DATA, 'refuses other addresses, low ports'],
  ['One reply code for every error', TRANSFERS, 'names that nothing can be stored under are 553'],
  ['552, 452 and 426 cannot be told', SEMANTICS, 'a full disk is 452'],
  ['FEAT lists what is not there and leaves out what is', COMMANDS, 'lists exactly these features'],
  ['Symlinks lead out of the root; a failed upload unlinks its target', SEMANTICS, 'that are symlinks lead nowhere'],
  ['Small replies wait for an acknowledgement', SEMANTICS, 'small replies and small files wait for no'],
  ['Superseded passive listeners stay open', SEMANTICS, 'a new PASV takes the place of the last one'],
  ['Passive ports are sequential', SEMANTICS, 'ports come in no order that can be foretold'],
  ['Backslashes become slashes, line ends forge LIST lines', SEMANTICS, 'keep backslashes and cannot hold line ends'],
  ['DELE removes folders, MKD of an existing one is 257', SEMANTICS, 'of folders are no files'],
  ['Names of system errors as reply codes', CONTROL, 'answers errors of the table with their codes'],
  ['A client’s own TLS contexts cannot resume', TLS, 'resume the control session'],
  ['Closing the server cuts off transfers', ENGINE, 'drains: refuses new connections'],
  ['A timer holds each closed connection', 'frame/ftp-srv-seams.spec.ts', 'announces connections with connect'],
]);
