# Does what each line of its input says, as an application does, and answers each with a line.
require "json"
require_relative "jobs"

$stdout.sync = true
$stdin.each_line do |line|
  what = JSON.parse(line)
  job = Job.set(queue: what["queue"])
  what["delay"] ? job.perform_in(what["delay"], what["job"]) : job.perform_async(what["job"])
  puts "done"
end
