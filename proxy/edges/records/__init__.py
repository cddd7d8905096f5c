"""The journal: spool on disk, decision log, feedback stream and their outlets."""
