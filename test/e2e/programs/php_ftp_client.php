<?php
// Runs the operations of a file with PHP's ftp extension: one `operation<TAB>argument<TAB>argument` a line.
[, $mode, $host, $port, $user, $password, , $operations] = $argv;
set_error_handler(function ($level, $message) {
    fwrite(STDERR, "$message\n");
    exit(1);
});
$ok = function ($done, string $what) {
    if ($done !== false) {
        return $done;
    }
    fwrite(STDERR, "$what failed\n");
    exit(1);
};
$ftp = $ok($mode === 'plain' ? ftp_connect($host, (int) $port, 60) : ftp_ssl_connect($host, (int) $port, 60), 'connect');
$ok(ftp_login($ftp, $user, $password), 'login');
$ok(ftp_pasv($ftp, true), 'pasv');
foreach (file($operations, FILE_IGNORE_NEW_LINES) as $line) {
    [$operation, $first, $second] = array_pad(explode("\t", $line), 3, '');
    match ($operation) {
        'put' => $ok(ftp_put($ftp, $second, $first, FTP_BINARY), $line),
        'get' => $ok(ftp_get($ftp, $second, $first, FTP_BINARY), $line),
        'resume-put' => $ok(ftp_put($ftp, $second, $first, FTP_BINARY, FTP_AUTORESUME), $line),
        'resume-get' => $ok(ftp_get($ftp, $second, $first, FTP_BINARY, FTP_AUTORESUME), $line),
        'list' => print(implode("\n", array_column($ok(ftp_mlsd($ftp, $first), 'mlsd'), 'name')) . "\n"
            . implode("\n", $ok(ftp_nlist($ftp, $first), 'nlist')) . "\n"
            . implode("\n", $ok(ftp_rawlist($ftp, $first), 'rawlist')) . "\n"),
        'rename' => $ok(ftp_rename($ftp, $first, $second), $line),
        'delete' => $ok(ftp_delete($ftp, $first), $line),
        'mtime' => print(gmdate('YmdHis', ftp_mdtm($ftp, $first)) . "\n"),
    };
}
$ok(ftp_close($ftp), 'close');
