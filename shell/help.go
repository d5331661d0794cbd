package shell

// What -help says of each verb.
const (
	helpAppend = `
Write local files, one after the other, to the end of dst, which is made if it
is missing. A source of "-" is standard input.
  -n  begin a new block even if the last one has room`
	helpCat = `
Print files.
  -ignoreCrc  do not verify checksums`
	helpChecksum = `
Print the checksum of files. DataNodes read every block for it.
  -v  print the block size too`
	helpChgrp = `
Change the group, like -chown :GROUP.
  -R  all below directories too`
	helpChmod = `
Change permissions: octal (755, 1777) or symbolic (u+rw,go-w,a+X,+t). The umask
plays no part; setuid and setgid do not exist.
  -R  all below directories too`
	helpChown = `
Change the owner, the group, or both. Names are made of letters, digits and
any of - + _ . / @
  -R  all below directories too`
	helpConcat = `
Move the blocks of the source files to the end of the target file. All are in
one directory; the sources are gone afterwards.`
	helpPut = `
Copy local files and directories into the file system. A source of "-" is
standard input.
  -f  replace files that exist
  -p  keep times, owner, group and permissions
  -l  let DataNodes hold the data in memory for a while; one replica
  -d  write to the final name at once, without <dst>._COPYING_
  -t  files to copy at the same time (1)
  -q  files that may wait for their turn (1024)`
	helpGet = `
Copy files and directories to the local disk.
  -f  replace files that exist
  -p  keep times, owner, group and permissions
  -crc        write .crc files with checksums beside the copies
  -ignoreCrc  do not verify checksums
  -t  files to copy at the same time (1)
  -q  files that may wait for their turn (1024)`
	helpCount = `
Count directories, files and bytes below paths. Columns:
DIR_COUNT FILE_COUNT CONTENT_SIZE PATHNAME
  -q  quotas in front: QUOTA REM_QUOTA SPACE_QUOTA REM_SPACE_QUOTA
  -u  the quotas only
  -t  with -q or -u: the quotas of these storage types (ssd, disk, archive,
      provided, nvdimm; all of them without a list)
  -h  sizes like 2.9 M
  -v  a line of titles
  -x  without snapshots
  -e  the erasure coding policy
  -s  counts of snapshots`
	helpCp = `
Copy files and directories within the file system.
  -f  replace files that exist
  -p  keep times, owner, group and permissions; -p with letters of topax keeps
      those: times, ownership, permission, ACLs, extended attributes
  -d  write to the final name at once, without <dst>._COPYING_
  -t  files to copy at the same time (1)
  -q  files that may wait for their turn (1024)`
	helpSnapshot = `
Snapshots of a directory. The server says so if it keeps none.`
	helpDf = `
Show the capacity, used and free bytes of a file system.
  -h  sizes like 2.9 M`
	helpDu = `
Show the bytes of files, then the bytes with all replicas, for each entry of
a directory.
  -s  one line for each argument
  -h  sizes like 2.9 M
  -v  a line of titles
  -x  without snapshots`
	helpExpunge = `
Make a checkpoint of the trash and delete checkpoints that are old enough.
  -immediate  delete everything in the trash
  -fs         the file system whose trash is meant`
	helpFind = `
Print the names below paths for which an expression holds:
  -name PATTERN   the last part of the name matches
  -iname PATTERN  the same without regard to case
  -print          print the name and a new line; the default
  -print0         print the name and a NUL
  -a, -and        both sides hold; may be left out`
	helpGetfacl = `
Print access control lists.
  -R  all below directories too`
	helpGetfattr = `
Print extended attributes.
  -R  all below directories too
  -n  the value of this attribute
  -d  all values
  -e  text, hex or base64`
	helpGetmerge = `
Write the files that src stands for, or those in it if it is a directory, to
one local file.
  -nl               a new line after each file
  -skip-empty-file  no new line after an empty one`
	helpHead = `
Print the first kilobyte of a file.`
	helpHelp = `
Explain verbs; all of them without an argument.`
	helpLs = `
List files and the entries of directories, by name; without a path, those of
/user/<user>. Columns: permissions, replicas, owner, group, bytes, time, path.
  -C  paths only
  -d  directories themselves, not their entries
  -h  sizes like 2.9 M
  -q  ? for characters that cannot be printed
  -R  all below directories too
  -t  by time, newest first
  -S  by size, largest first
  -r  the other way round
  -u  the time of last access instead of change
  -e  the erasure coding policy`
	helpMkdir = `
Make directories.
  -p  parents too; no error if it exists`
	helpMoveFromLocal = `
Like -put, and delete the source when it is copied.`
	helpMoveToLocal = `
Not there, as in Hadoop.`
	helpMv = `
Give files and directories another name, or put them into a directory.`
	helpRm = `
Delete files, or move them to the trash if that is on (fs.trash.interval).
  -f          no error for what is missing
  -r, -R      directories too
  -skipTrash  delete for good
  -safely     ask before more than hadoop.shell.safely.delete.limit.num.files
              (100) files go`
	helpRmdir = `
Delete empty directories.
  --ignore-fail-on-non-empty  no error for one that is not empty`
	helpSetfacl = `
Change access control lists.
  -R  all below directories too
  -b  remove all entries but owner, group and other
  -k  remove the default list
  -m  add or change entries
  -x  remove entries
  --set  replace the list`
	helpSetfattr = `
Set (-n name, -v value) or remove (-x name) an extended attribute.`
	helpSetrep = `
Set how many replicas files have; of a directory, all files below.
  -R  nothing; kept for old scripts
  -w  wait until it is so`
	helpStat = `
Print what FORMAT asks for, %y if there is none: %a permissions in octal, %A
with letters, %b bytes, %F type, %g group, %n name, %o block size, %r replicas,
%u owner, %x %X time of access (date, ms), %y %Y time of change.`
	helpTail = `
Print the last kilobyte of a file.
  -f  go on as the file grows
  -s  with -f: milliseconds between two looks (5000)`
	helpTest = `
Answer with exit code 0 if it is true:
  -e exists  -d directory  -f file  -s not empty  -z zero bytes
  -w may be written  -r may be read`
	helpText = `
Print files as text; gzip, bzip2 and deflate are unpacked.
  -ignoreCrc  do not verify checksums`
	helpTouch = `
Set the times of files to now, making those that are missing.
  -a  access only
  -m  change only
  -t  this time, yyyyMMdd:HHmmss
  -c  make none`
	helpTouchz = `
Make files of no bytes; one that exists and has some is an error.`
	helpTruncate = `
Cut files to a length.
  -w  wait until the last block is cut, too`
	helpUsage = `
Show how verbs are written.`
)
