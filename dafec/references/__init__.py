"""Document series: the library on disk, enrolment, matching."""
