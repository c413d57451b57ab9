# Runs the operations of a file with Perl's Net::FTP: one `operation<TAB>argument<TAB>argument` a line.
use strict;
use warnings;
use Net::FTP;

my ($mode, $host, $port, $user, $password, $certificate, $operations) = @ARGV;
my %tls = $mode eq 'plain' ? () : (SSL_ca_file => $certificate, SSL_verifycn_scheme => 'none');
$tls{SSL} = 1 if $mode eq 'implicit';
my $ftp = Net::FTP->new($host, Port => $port, Timeout => 60, Passive => 1, %tls) or die "connect: $@";
sub ok { my ($done, $what) = @_; die "$what: " . $ftp->message unless $done; return $done }
ok($ftp->starttls, 'starttls') if $mode eq 'explicit';
ok($ftp->login($user, $password), 'login');
ok($ftp->binary, 'binary');

open(my $lines, '<', $operations) or die $!;
while (my $line = <$lines>) {
    chomp $line;
    my ($operation, @arguments) = split /\t/, $line;
    if ($operation eq 'put') {
        ok($ftp->put(@arguments), $line);
    } elsif ($operation eq 'get') {
        ok($ftp->get(@arguments), $line);
    } elsif ($operation eq 'resume-put') {
        my $size = ok($ftp->size($arguments[1]), 'size');
        open(my $source, '<:raw', $arguments[0]) or die $!;
        seek($source, $size, 0);
        my $data = ok($ftp->appe($arguments[1]), 'appe');
        while (my $read = sysread($source, my $piece, 65536)) {
            for (my $at = 0; $at < $read;) { $at += $data->write(substr($piece, $at), $read - $at, 60) }
        }
        ok($data->close, 'close');
    } elsif ($operation eq 'resume-get') {
        ok($ftp->get($arguments[0], $arguments[1], -s $arguments[1]), $line);
    } elsif ($operation eq 'list') {
        ok($ftp->cwd($arguments[0]), 'cwd');
        print "$_\n" for $ftp->dir, $ftp->ls;
        ok($ftp->cwd('/'), 'cwd');
    } elsif ($operation eq 'rename') {
        ok($ftp->rename(@arguments), $line);
    } elsif ($operation eq 'delete') {
        ok($ftp->delete($arguments[0]), $line);
    } elsif ($operation eq 'mtime') {
        my @time = gmtime(ok($ftp->mdtm($arguments[0]), $line));
        printf "%04d%02d%02d%02d%02d%02d\n", $time[5] + 1900, $time[4] + 1, @time[3, 2, 1, 0];
    }
}
ok($ftp->quit, 'quit');
