"""Report floor: readings as figures and pages, results held against claims."""
