"""The benchmark behind `sizewise bench`: the gateway and its peers side by side, in one run, on one machine.

scenarios   what is asked, and how hard          targets, peers   what is measured, and how it is started
wrk, probe  the load, and the time to a token    cores, processes, accounting   where it runs, and what it takes
answers     refuses to measure wrong answers     run, summary, report           rounds → medians → tables
"""
