# cut-power.pl FOLDER FLAG: stops the file system that FOLDER is on as a power cut would: nothing reaches its disk any more, and every
# use of it is an error until it is mounted again. FLAG is the kernel's: 0 writes everything out first, 1 the journal alone, 2 nothing.
# Perl, because Debian's perl-base is on every machine and no other program of a bare one can call ioctl.
use strict;
use warnings;
use Fcntl;

my ($folder, $flag) = @ARGV;
my $shutdown = 0x8004587D; # EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN: _IOR('X', 125, __u32)
sysopen(my $disk, $folder, O_RDONLY) or die "$folder: $!\n";
ioctl($disk, $shutdown, pack('I', $flag)) or die "ioctl: $!\n";
